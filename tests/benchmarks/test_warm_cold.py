"""The benchmark of a warm engine: when what happened, and its plumbing on a run of each side."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import Log, State, StateType

from benchmarks.house import furnished
from benchmarks.load import Load
from benchmarks.moments import Moments, moments
from benchmarks.warm_cold import COLD, WARM, Bench, Findings, measure

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def state(kind: StateType, seconds: float) -> State:
    """Return a state that a run came to so long after it was submitted."""
    return State(type=kind, timestamp=NOON + timedelta(seconds=seconds))


def line(message: str, seconds: float) -> Log:
    """Return a line of a run's log."""
    return Log(
        id=uuid4(), name="x", level=20, message=message, timestamp=NOON + timedelta(seconds=seconds)
    )


def test_moments_are_the_first_of_their_kind() -> None:
    """A run that was Pending twice was taken the first time; the second pass has no first step."""
    found = moments(
        NOON,
        [
            state(StateType.COMPLETED, 9),
            state(StateType.PENDING, 2),
            state(StateType.SCHEDULED, 0),
            state(StateType.PENDING, 1),
            state(StateType.RUNNING, 4),
        ],
        [
            line("second_pass: step 1 of 3", 8),
            line("first_pass: step 2 of 7", 7),
            line("first_pass: step 1 of 7", 6),
        ],
    )
    assert found == Moments(taken=1, begun=4, first_step=6, finished=9)


def test_both_sides_stand_beside_each_other() -> None:
    """Each moment has a line with both medians, their ratio and their difference."""
    runs = {
        WARM: [Moments(1, 2, 4, 5)] * 2,
        COLD: [Moments(1, 2, 10, 12), Moments(1, 2, 12, 13), Moments(1, 2, 14, 20)],
    }
    steps, loads = Findings(runs, [Load(3, 0.5)]).tables()
    assert steps.rows[2] == (
        "first denoising step",
        "4.00 (4.00 to 4.00)",
        "12.00 (10.00 to 14.00)",
        "3.00",
        "8.00",
    )
    assert loads.rows[0] == ("imports", "3.00 (3.00 to 3.00)")


@pytest.mark.slow
def test_a_run_of_each_worker_is_timed(prefect_server: None, tmp_path: Path) -> None:
    """Both workers make a clip, in the order of the moments, and loading is timed apart."""
    bench = Bench(repeats=1, warm_ups=0, frames=9)
    found = measure(bench, furnished(tmp_path, threads=1))
    for name in (WARM, COLD):
        (run,) = found.runs[name]
        assert 0 < run.taken < run.begun < run.first_step < run.finished
    (load,) = found.loads
    assert load.imports > 0
    assert load.weights > 0
    assert len(list(tmp_path.glob("bench-*/outputs/*.mp4"))) == 2
