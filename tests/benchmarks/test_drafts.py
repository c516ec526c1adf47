"""The benchmark of drafts: its plumbing, at the smallest size, and its arithmetic."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.drafts import DRAFTED, FULL, Bench, Findings, Round, measure
from benchmarks.house import furnished

SMALL = {
    "resolution": "480p",
    "aspect_ratio": "1:1",
    "number_of_frames": 9,
    "first_pass_number_of_steps": 2,
    "second_pass_number_of_steps": 2,
    "second_pass_skip_initial_steps": 1,
}


@pytest.mark.slow
def test_drafts_run_the_second_pass_once(prefect_server: None, tmp_path: Path) -> None:
    """Both sides are timed, and the forwards that ran are counted by pass."""
    bench = Bench(drafts=2, repeats=1, fields=SMALL)
    found = measure(bench, furnished(tmp_path, threads=1))
    assert found.rounds[FULL][0].forwards == {"first_pass": 2, "second_pass": 2}
    assert found.rounds[DRAFTED][0].forwards == {"first_pass": 2, "second_pass": 1}
    assert all(side[0].seconds > 0 for side in found.rounds.values())


def test_work_is_weighed_by_what_a_forward_costs() -> None:
    """The ratio of work comes from forwards and tokens, that of time from the medians."""
    rounds = {
        FULL: [Round(100, {"first_pass": 28, "second_pass": 12})] * 2,
        DRAFTED: [Round(40, {"first_pass": 28, "second_pass": 3})] * 2,
    }
    lines = {line[0]: line[1:] for line in Findings(Bench(), rounds).table().rows}
    assert lines["forwards, second pass"] == ("12", "3", "0.25", "")
    assert lines["wall seconds, tiny on this CPU"][-2:] == ("0.400", "met")
    full, drafted, ratio, _ = lines["PFLOP of 13B forwards, 720p of 121 frames"]
    assert float(full) == pytest.approx(4 * 4.39, rel=0.01)
    assert float(ratio) == pytest.approx(float(drafted) / float(full), abs=0.001)
