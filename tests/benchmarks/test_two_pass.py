"""The CPU benchmark's plumbing, on a clip of nine frames."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.house import furnished
from benchmarks.two_pass import Bench, measure, measure_peaks

SMALL = Bench(
    repeats=1, warm_ups=0, aspect_ratio="1:1", frames=9, peak_resolution="480p", peak_frames=9
)
PEAKS = {"documented": {"gib": 4.0, "seconds": 8.0}, "flow": {"gib": 2.0, "seconds": 6.0}}


@pytest.mark.slow
def test_the_table_comes_from_both_sides(prefect_server: None, tmp_path: Path) -> None:
    """Forwards are counted, stages told apart, and every comparison has figures of both sides."""
    found = measure(SMALL, furnished(tmp_path, threads=1), peaks=PEAKS)
    targets, parts = found.tables()
    rows = {row[0]: row[1:] for row in targets.rows}
    assert rows["forwards of the transformer"] == ("12", "10", "", "10", "met")
    assert rows["stages run by the same request again"][1] == "0"
    assert rows["stages run after a change of the second pass"][1].split(", ") == [
        "second_pass",
        "decode",
        "screen_frames",
        "write_video",
        "upload",
    ]
    assert rows["peak memory of 720p with 121 frames, GiB"][:3] == ("4.00", "2.00", "0.50")
    for what in ("wall seconds", "CPU seconds after decode", "CPU seconds of the encoder"):
        documented, flow, ratio = rows[what][:3]
        assert float(documented.split()[0]) > 0
        assert float(flow.split()[0]) > 0
        assert float(ratio) > 0
    (run,) = found.flow
    assert 0 < run.overhead < run.whole.wall
    assert 0 < run.completed <= run.whole.wall
    (unchecked,) = found.unchecked
    assert "screen_frames" in run.stages_that("ran")
    assert "screen_frames" not in unchecked.stages_that("ran")
    assert {row[:2] for row in parts.rows} >= {("documented", "export"), ("flow", "write_video")}
    assert "| wall seconds |" in targets.markdown()


@pytest.mark.slow
def test_memory_is_that_of_a_process_of_its_own(prefect_server: None, tmp_path: Path) -> None:
    """Both sides make their clip in a fresh process, which tells its largest size."""
    peaks = measure_peaks(SMALL, furnished(tmp_path, threads=1))
    assert set(peaks) == {"documented", "flow"}
    assert all(found["gib"] > 0.1 and found["seconds"] > 0 for found in peaks.values())
