"""A run as the terminal shows it."""

from __future__ import annotations

import sys
from typing import TextIO

from deployments.sign_in import sign_in
from ltxv.result import StageName, StageRecord


class Terminal:
    """Write a line for each stage, and the steps of a pass in place where that is possible."""

    def __init__(self, out: TextIO = sys.stderr) -> None:
        self._out = out
        self._in_place = out.isatty()
        self._open = False
        self.flow_run: str | None = None
        """Id of the run that was shown last."""

    def running(self, flow_run: str) -> None:
        """Show the run's id, once, and write down at the server that it runs here."""
        if flow_run == self.flow_run:
            return
        self.flow_run = flow_run
        self.say(f"Flow run {flow_run}")
        sign_in(flow_run)

    def noted(self, line: str) -> None:
        """Show what the stages that follow are for."""
        self.say(line)

    def say(self, line: str) -> None:
        """Write a line of its own."""
        self._write(line)

    def started(self, stage: StageName) -> None:
        """Show that a stage runs."""
        if self._in_place:
            self._write(f"  {stage} …", keep_open=True)

    def stepped(self, stage: StageName, done: int, total: int) -> None:
        """Show how far it is."""
        self._write(f"  {stage} {done}/{total}", keep_open=self._in_place)

    def ended(self, record: StageRecord) -> None:
        """Show what it did."""
        took = f" {record.seconds:.1f} s" if record.state == "ran" else ""
        self._write(f"  {record.name}: {record.state}{took}")

    def task_at(self, name: str, percent: float) -> None:
        """Show how far a task of a run elsewhere is."""
        self._write(f"  {name} {percent:.0f} %", keep_open=self._in_place)

    def task_ended(self, name: str, state: str, seconds: float) -> None:
        """Show what a task of a run elsewhere did."""
        took = f" {seconds:.1f} s" if state == "ran" else ""
        self._write(f"  {name}: {state}{took}")

    def _write(self, line: str, *, keep_open: bool = False) -> None:
        start = "\r\x1b[K" if self._open else ""
        self._out.write(f"{start}{line}" if keep_open else f"{start}{line}\n")
        self._out.flush()
        self._open = keep_open
