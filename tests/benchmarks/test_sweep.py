"""The benchmark of sweeps: its plumbing, at the smallest size, and its arithmetic."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.house import furnished
from benchmarks.sweep import SEPARATE, SWEPT, Bench, Findings, Round, measure

SMALL = {
    "resolution": "480p",
    "aspect_ratio": "1:1",
    "first_pass_number_of_steps": 2,
    "second_pass_number_of_steps": 3,
    "second_pass_skip_initial_steps": 1,
    "seed": 7,
}


@pytest.mark.slow
def test_a_sweep_runs_the_first_pass_once(prefect_server: None, tmp_path: Path) -> None:
    """Separate runs share nothing; the sweep's cells share all before the second pass."""
    bench = Bench(repeats=1, fields=SMALL, grid={"second_pass_skip_initial_steps": [1, 2]})
    found = measure(bench, furnished(tmp_path, threads=1))
    ran = {name: side[0].ran for name, side in found.rounds.items()}
    assert [ran[SEPARATE][name] for name in ("first_pass", "second_pass")] == [2, 2]
    assert [ran[SWEPT][name] for name in ("first_pass", "second_pass")] == [1, 2]


def test_a_first_pass_too_many_misses_the_goal() -> None:
    """The verdict is that of the worst round."""
    separate = [Round(90, {"first_pass": 9})] * 2
    rounds = {SEPARATE: separate, SWEPT: [Round(30, {"first_pass": n}) for n in (1, 2)]}
    lines = {line[0]: line[1:] for line in Findings(9, rounds).table().rows}
    assert lines["first_pass ran"] == ("9", "2", "", "missed")
    assert lines["wall seconds"][2] == "0.33"
