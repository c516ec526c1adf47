"""The benchmark of warm engines: its arithmetic, and its plumbing on two clips."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.busy import Span, busy_share, spans, waits
from benchmarks.house import furnished
from benchmarks.throughput import ONE, TWO, Bench, Findings, Fleet, Round, measure


def engine(*jobs: tuple[float, float]) -> list[Span]:
    """Return an engine's jobs."""
    return [Span(*job) for job in jobs]


def test_only_finished_jobs_are_read_from_the_log() -> None:
    """A job is as long as the engine says and ends when it says so; other lines are no jobs."""
    told = {"time": "2026-11-25T12:00:10.500+00:00", "stage": "decode", "message": "x"}
    found = spans(
        [
            {**told, "outcome": "done", "seconds": 2.0},
            {**told, "time": "2026-11-25T12:00:05.000+00:00", "outcome": "done", "seconds": 1.5},
            {**told, "outcome": "failed", "seconds": 2.0},
            told,
        ]
    )
    assert [round(job.seconds, 3) for job in found] == [1.5, 2.0]
    assert round(found[1].began - found[0].ended, 3) == 3.5


def test_the_busy_share_counts_from_the_first_job_to_the_last() -> None:
    """Waits lower it, and an engine without jobs; one that is done sooner than another does not."""
    jobs = engine((10, 14), (15, 18), (18, 20))
    assert busy_share([jobs]) == pytest.approx(0.9)
    assert waits(jobs) == [1, 0]
    assert busy_share([jobs, engine((10, 15))]) == pytest.approx((9 + 5) / (10 + 5))
    assert busy_share([jobs, []]) == pytest.approx(0.45)


def test_goals_are_judged_where_they_are_set() -> None:
    """Three at a time are judged by the busy share, two workers by the clips of one."""
    fleets = (Fleet(1, 1), ONE, TWO)
    one, two = engine((0, 30), (31, 60)), engine((0, 15), (16, 31))
    rounds = {
        fleets[0].name: [Round(2, [engine((0, 30), (50, 80))])],
        ONE.name: [Round(2, [one])] * 2,
        TWO.name: [Round(2, [two, two])] * 2,
    }
    rows = Findings(Bench(clips=2, fleets=fleets), rounds).table().rows
    assert [row[0] for row in rows] == [fleet.name for fleet in fleets]
    assert [row[2] for row in rows] == ["0.75", "1.00", "1.94"]
    assert [row[-1] for row in rows] == ["", "met", "met"]
    assert rows[0][3].startswith("75.00")
    assert rows[0][6] == "20.00"


@pytest.mark.slow
def test_a_real_worker_is_measured(prefect_server: None, tmp_path: Path) -> None:
    """Two runs at a time make both clips, and the waits of the paced engine count as work."""
    fleet = Fleet(1, 2)
    bench = Bench(clips=2, step_seconds=0.1, fleets=(fleet,))
    (found,) = measure(bench, furnished(tmp_path, threads=1)).rounds[fleet.name]
    assert [len(jobs) for jobs in found.engines] == [8]
    assert 0 < found.busy <= 1
    assert found.engine_seconds > 10 * 0.1
