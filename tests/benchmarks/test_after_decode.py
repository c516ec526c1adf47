"""What comes between the decoder and a finished file, measured on a few frames."""

from __future__ import annotations

from benchmarks.after_decode import Bench, clip_of, measure


def test_every_arm_is_measured_on_the_same_frames() -> None:
    """A small run has a line for each arm, a verdict on the goal, and scores that agree."""
    bench = Bench(repeats=1, frames=3, width=64, height=48)
    assert clip_of(bench).shape == (3, 48, 64, 3)
    found = measure(bench)
    table = found.table().markdown()
    assert [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| ")][2:] == [
        "| safety check",
        "| mp4",
        "| both",
        "| safety check, before",
        "| both, before",
    ]
    assert table.count("at most 33.3") == 1
    assert found.difference < 1e-5
    assert all(cost > 0 for name in ("both", "mp4, cpu") for cost in found.samples()[name])
