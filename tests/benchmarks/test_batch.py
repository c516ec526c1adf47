"""The batch benchmark's plumbing, on two clips of nine frames."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.batch import Bench, Findings, measure
from benchmarks.house import furnished


@pytest.mark.slow
def test_loop_and_batch_make_the_same_requests(prefect_server: None, tmp_path: Path) -> None:
    """Both ways are timed, and the table sets the batch against the loop."""
    bench = Bench(rows=2, repeats=1, warm_ups=0, frames=9, at_once=(2,))
    table = measure(bench, furnished(tmp_path, threads=1)).table()
    assert [line[0] for line in table.rows] == ["loop", "batch, 2 at a time"]
    assert float(table.rows[1][2]) > 0
    assert len(list(tmp_path.glob("bench-*/outputs/*.mp4"))) == 4


def test_a_faster_batch_meets_the_goal() -> None:
    """Jobs a minute and their ratio come from the medians."""
    table = Findings(rows=20, seconds={"loop": [60, 50, 70], "batch": [40, 40, 90]}).table()
    assert [line[2:] for line in table.rows] == [("20.0", "1.00", ""), ("30.0", "1.50", "met")]
