"""What each stage of a run did, written down as it happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol, get_args

from prefect.runtime import flow_run

from ltxv.result import StageName, StageRecord, StageState, Usage

STAGES: tuple[StageName, ...] = get_args(StageName)


class Watcher(Protocol):
    """Someone who wants to see a run go on, such as a terminal."""

    def running(self, flow_run: str) -> None:
        """Hear the id of the flow run whose stages follow."""

    def noted(self, line: str) -> None:
        """Hear what the stages that follow are for."""

    def started(self, stage: StageName) -> None:
        """Hear that a stage was called; it may turn out to be cached."""

    def stepped(self, stage: StageName, done: int, total: int) -> None:
        """Hear that ``done`` of ``total`` steps of a stage are over."""

    def ended(self, record: StageRecord) -> None:
        """Hear what a stage did."""


@dataclass
class Ledger:
    """The stages of one run so far."""

    watcher: Watcher | None = None
    records: dict[StageName, StageRecord] = field(default_factory=dict)
    gpu_seconds: dict[StageName, float] = field(default_factory=dict)

    def enter(self, name: StageName, state: StageState, seconds: float) -> None:
        """Write down what a stage did, added to what it did before in this run."""
        record = StageRecord(name=name, state=state, seconds=round(seconds, 3))
        self.records[name] = _together(self.records.get(name), record)
        if self.watcher:
            self.watcher.ended(record)

    def add_gpu_seconds(self, name: StageName, seconds: float) -> None:
        """Write down that the engine worked for a stage, also if nothing came of it."""
        self.gpu_seconds[name] = self.gpu_seconds.get(name, 0) + seconds

    def table(self) -> tuple[StageRecord, ...]:
        """Return a record for every stage, in order; what was not called was skipped."""
        return tuple(self._row(name) for name in STAGES)

    def _row(self, name: StageName) -> StageRecord:
        record = self.records.get(name, StageRecord(name=name, state="skipped", seconds=0))
        seconds = round(self.gpu_seconds.get(name, 0), 3)
        return record.model_copy(update={"gpu_seconds": seconds}) if seconds else record

    def usage(self, *, hour_price: float | None) -> Usage:
        """Return what the run used so far."""
        return Usage.of(sum(self.gpu_seconds.values()), hour_price=hour_price)


def _together(before: StageRecord | None, now: StageRecord) -> StageRecord:
    if before is None:
        return now
    did: StageState = "ran" if before.state == "ran" else now.state
    return StageRecord(name=now.name, state=did, seconds=round(before.seconds + now.seconds, 3))


_LEDGER: ContextVar[Ledger | None] = ContextVar("ledger", default=None)
_WATCHER: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def new_ledger() -> Iterator[Ledger]:
    """Open the ledger of a run; stages called inside write to it."""
    ledger = Ledger(watcher=_WATCHER.get())
    run = flow_run.get_id()
    if ledger.watcher is not None and run is not None:
        ledger.watcher.running(run)
    token = _LEDGER.set(ledger)
    try:
        yield ledger
    finally:
        _LEDGER.reset(token)


@contextmanager
def watched_by(watcher: Watcher) -> Iterator[None]:
    """Show the runs made inside, in this process, to ``watcher``."""
    token = _WATCHER.set(watcher)
    try:
        yield
    finally:
        _WATCHER.reset(token)


def current_ledger() -> Ledger:
    """Return the open ledger, or one nobody will read for a stage called on its own."""
    return _LEDGER.get() or Ledger()


def tell_note(line: str) -> None:
    """Let the watcher, if there is one, know what the stages that follow are for."""
    watcher = _WATCHER.get()
    if watcher is not None:
        watcher.noted(line)


def tell_started(stage: StageName) -> None:
    """Let the watcher, if there is one, know that a stage was called."""
    watcher = _WATCHER.get()
    if watcher is not None:
        watcher.started(stage)


def tell_stepped(stage: StageName, done: int, total: int) -> None:
    """Let the watcher, if there is one, know how far a stage is."""
    watcher = _WATCHER.get()
    if watcher is not None:
        watcher.stepped(stage, done, total)
