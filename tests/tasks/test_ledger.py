"""The ledger of a run, and who watches it."""

from __future__ import annotations

from ltxv.result import StageName, StageRecord
from tasks.ledger import (
    STAGES,
    current_ledger,
    new_ledger,
    tell_note,
    tell_started,
    tell_stepped,
    watched_by,
)


class Notes:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, ...]] = []

    def running(self, flow_run: str) -> None:
        self.heard.append(("running", flow_run))

    def noted(self, line: str) -> None:
        self.heard.append(("noted", line))

    def started(self, stage: StageName) -> None:
        self.heard.append(("started", stage))

    def stepped(self, stage: StageName, done: int, total: int) -> None:
        self.heard.append(("stepped", stage, f"{done}/{total}"))

    def ended(self, record: StageRecord) -> None:
        self.heard.append(("ended", record.name, record.state))


def test_every_stage_is_in_the_table_in_order() -> None:
    """Stages that were not called are there as skipped."""
    with new_ledger() as ledger:
        current_ledger().enter("upload", "ran", 1.0004)
        current_ledger().enter("first_pass", "cached", 0.5)
    table = ledger.table()
    assert tuple(record.name for record in table) == STAGES
    assert {record.name: record.state for record in table if record.state != "skipped"} == {
        "first_pass": "cached",
        "upload": "ran",
    }
    assert table[-1].seconds == 1.0


def test_a_watcher_hears_of_runs_made_inside_only() -> None:
    """Starts, steps and ends reach the watcher; afterwards nobody is told."""
    notes = Notes()
    with watched_by(notes), new_ledger():
        tell_note("draft 1")
        tell_started("decode")
        tell_stepped("decode", 1, 2)
        current_ledger().enter("decode", "ran", 1)
    tell_started("upload")
    with new_ledger():
        current_ledger().enter("upload", "ran", 1)
    assert notes.heard == [
        ("noted", "draft 1"),
        ("started", "decode"),
        ("stepped", "decode", "1/2"),
        ("ended", "decode", "ran"),
    ]


def test_two_runs_have_a_ledger_each() -> None:
    """A run inside another does not write to the outer one's table."""
    with new_ledger() as outer:
        with new_ledger():
            current_ledger().enter("upload", "ran", 1)
        assert not outer.records


def test_a_stage_that_was_called_twice_is_one_row() -> None:
    """Its times add up, and it ran if it ran once; who watches hears of both."""
    notes = Notes()
    with watched_by(notes), new_ledger() as ledger:
        current_ledger().enter("screen_prompt", "ran", 1.0)
        current_ledger().enter("screen_prompt", "cached", 0.5)
    rows = [record for record in ledger.table() if record.name == "screen_prompt"]
    assert rows == [StageRecord(name="screen_prompt", state="ran", seconds=1.5)]
    assert [line[-1] for line in notes.heard] == ["ran", "cached"]
