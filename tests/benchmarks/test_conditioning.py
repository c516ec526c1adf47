"""The benchmark of conditioning media: its plumbing, on few frames."""

from __future__ import annotations

from pathlib import Path

from benchmarks.conditioning import Bench, measure, media, tables
from benchmarks.items import Items, items_table, measure_items

SMALL = Bench(repeats=1, frames=9)


def test_both_sides_make_the_same_pictures(tmp_path: Path) -> None:
    """The reference's loop and one ffmpeg give frames of one size that differ by coding only."""
    for medium in media(SMALL, tmp_path).values():
        assert medium.here().shape == medium.reference().shape
    alike = measure(SMALL, tmp_path).alike
    assert alike["clip, here and reference with one thread"] > 35
    assert alike["photo, here and reference with one thread"] > 35


def test_the_tables_compare_both_sides(prefect_server: None, tmp_path: Path) -> None:
    """Each row has figures of both sides and their ratio; the clip's wall time has a target."""
    times, alike = tables(SMALL, measure(SMALL, tmp_path))
    together = items_table(measure_items(Items(repeats=1, count=2, delays=(0.0,)), tmp_path))
    rows = {row[0]: row[1:] for row in times.rows}
    assert rows["clip: wall seconds"][3] == "at most 0.5"
    for row in (*times.rows, *together.rows):
        assert all(float(cell.split()[0]) > 0 for cell in row[1:4])
    assert len(alike.rows) == 6
