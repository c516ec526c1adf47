"""What runs inside a measurement: how often each stage, and how many forwards of each pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from ltxv.result import StageName, StageRecord
from tasks.ledger import watched_by


class Counting:
    """A watcher that counts."""

    def __init__(self) -> None:
        self.ran: Counter[str] = Counter()
        """Stages that were not taken from the store."""
        self.forwards: Counter[str] = Counter()
        """Steps of the transformer, by pass."""
        self.flow_run = ""

    def running(self, flow_run: str) -> None:
        """Keep the id of the run that is watched."""
        self.flow_run = flow_run

    def noted(self, line: str) -> None:
        """Hear what the stages that follow are for."""

    def started(self, stage: StageName) -> None:
        """Hear that a stage was called."""

    def stepped(self, stage: StageName, done: int, total: int) -> None:  # noqa: ARG002
        """Count a step."""
        if stage in {"first_pass", "second_pass"}:
            self.forwards[stage] += 1

    def ended(self, record: StageRecord) -> None:
        """Count a stage."""
        if record.state == "ran":
            self.ran[record.name] += 1


@contextmanager
def counted() -> Iterator[Counting]:
    """Count what the flows run inside do."""
    counting = Counting()
    with watched_by(counting):
        yield counting
