"""A process that makes a video and is killed on the way: ``python doomed_run.py SPEC``.

SPEC is JSON: the fields of the request, the names of the blocks, and the stage and the moment at
which the process sends itself SIGKILL, which nothing can catch.
"""

from __future__ import annotations

import json
import os
import signal
import sys

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
        sys.stdout.write(f"{flow_run}\n")
        sys.stdout.flush()
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


if __name__ == "__main__":
    spec = json.loads(sys.argv[1])
    with watched_by(Doom(*spec["at"])):
        generate_video(parse_request(spec["request"]), **spec["blocks"])
