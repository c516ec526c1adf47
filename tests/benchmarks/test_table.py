"""Results on paper."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.repeat import interleaved, spread
from benchmarks.table import Report, Table, verdict


def test_a_report_is_written_for_people_and_programs(tmp_path: Path) -> None:
    """The page and the data hold the command, the machine, the rows, the notes and the samples."""
    table = Table("Speed", ("what", "seconds"), [("a | b", "1.50")], ("Medians.",))
    report = Report("x", "Title", "python -m x", {"cores": 2}, [table], {"raw": [1.5]})
    page, data = report.write(tmp_path / "new")
    lines = page.read_text().splitlines()
    assert lines[0] == "# Title"
    assert "`python -m x`" in lines
    assert "- cores: 2" in lines
    assert "| a \\| b | 1.50 |" in lines
    assert "- Medians." in lines
    assert json.loads(data.read_text()) == {
        "command": "python -m x",
        "machine": {"cores": 2},
        "tables": [
            {
                "title": "Speed",
                "rows": [{"what": "a | b", "seconds": "1.50"}],
                "notes": ["Medians."],
            }
        ],
        "samples": {"raw": [1.5]},
    }


def test_a_row_has_a_cell_for_each_column() -> None:
    """A table that would come out crooked is refused."""
    with pytest.raises(ValueError, match="2 cells"):
        Table("Speed", ("what", "seconds"), [("a",)]).markdown()


def test_rounds_go_there_and_back() -> None:
    """What drifts while the rounds go on meets every arm alike."""
    order: list[str] = []
    arms = {name: lambda name=name: order.append(name) or len(order) for name in "abc"}
    found = interleaved(arms, 3)
    assert "".join(order) == "abccbaabc"
    assert found == {"a": [1, 6, 7], "b": [2, 5, 8], "c": [3, 4, 9]}


def test_figures_are_medians_with_their_range() -> None:
    """One slow run does not move the figure, but shows."""
    assert spread([9.0, 1.0, 2.0]) == "2.00 (1.00 to 9.00)"
    assert [verdict(value, 2.0) for value in (2.0, 2.01)] == ["met", "missed"]
