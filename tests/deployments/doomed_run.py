"""Processes that make a video and are killed on the way: ``python doomed_run.py``.

Each line of standard input is a JSON object: the fields of the request, the names of the blocks,
and the stage and the moment at which the process sends itself SIGKILL, which nothing can catch.
Libraries are loaded once; each run has a process of its own, forked off. The answers are the run's
id and, once it is over, the signal that ended it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import ltxv.model.local_engine  # noqa: F401 - loaded once for all
from deployments.sign_in import sign_in
from flows.generate import generate_video
from ltxv.request import parse_request
from ltxv.result import StageName, StageRecord
from tasks.ledger import watched_by


class Doom:
    """A watcher that ends its own process."""

    def __init__(self, stage: str, moment: str) -> None:
        self._at = (stage, moment)

    def running(self, flow_run: str) -> None:
        _answer(flow_run)
        sign_in(flow_run)

    def noted(self, line: str) -> None:
        pass

    def started(self, stage: StageName) -> None:
        self._meet(stage, "start")

    def stepped(self, stage: StageName, done: int, total: int) -> None:
        self._meet(stage, "step")

    def ended(self, record: StageRecord) -> None:
        self._meet(record.name, "end")

    def _meet(self, stage: str, moment: str) -> None:
        if (stage, moment) == self._at:
            os.kill(os.getpid(), signal.SIGKILL)


def _answer(line: object) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _run(spec: dict[str, Any]) -> None:
    with watched_by(Doom(*spec["at"])):
        generate_video(parse_request(spec["request"]), **spec["blocks"])


if __name__ == "__main__":
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                _run(json.loads(line))
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        _answer(os.WTERMSIG(status) if os.WIFSIGNALED(status) else "not killed")
