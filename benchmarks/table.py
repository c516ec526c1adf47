"""A result as people read it, and as programs do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Table:
    """One titled table; every cell is text."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        """Return the table with its notes below it.

        Raises:
            ValueError: A row has not a cell for each column.
        """
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        if any(len(line) != len(self.columns) for line in lines):
            raise ValueError(f"{self.title}: a row does not have {len(self.columns)} cells")
        body = [f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines]
        notes = [f"- {note}" for note in self.notes]
        return "\n".join([f"## {self.title}", "", *body, *(["", *notes] if notes else [])])


@dataclass(frozen=True)
class Report:
    """Everything that one command found out."""

    name: str
    title: str
    command: str
    machine: Mapping[str, Any]
    tables: Sequence[Table]
    samples: Mapping[str, Any]
    """The single measurements that the tables are the medians of."""

    def markdown(self) -> str:
        """Return the page."""
        where = [f"- {key}: {value}" for key, value in self.machine.items()]
        head = [f"# {self.title}", "", f"`{self.command}`", "", *where]
        return "\n".join([*head, *(f"\n{table.markdown()}" for table in self.tables), ""])

    def write(self, folder: Path = RESULTS) -> list[Path]:
        """Write ``name.md`` and ``name.json`` into ``folder`` and return both."""
        folder.mkdir(parents=True, exist_ok=True)
        page, data = folder / f"{self.name}.md", folder / f"{self.name}.json"
        page.write_text(self.markdown())
        found = {
            "command": self.command,
            "machine": dict(self.machine),
            "tables": [
                {
                    "title": table.title,
                    "rows": [dict(zip(table.columns, row, strict=True)) for row in table.rows],
                    "notes": list(table.notes),
                }
                for table in self.tables
            ],
            "samples": dict(self.samples),
        }
        data.write_text(json.dumps(found, indent=1) + "\n")
        return [page, data]


def verdict(value: float, limit: float) -> str:
    """Say whether a figure keeps to its limit."""
    return "met" if value <= limit else "missed"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
