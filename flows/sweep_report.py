"""What a person sees of a sweep: a labelled sheet and a table, in the UI and as files."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from prefect.artifacts import create_table_artifact
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from pydantic import Field

from blocks.media_store import MediaStore
from flows.pictures import attach_picture
from flows.sweep_plan import SweepPlan
from ltxv.engine import Frames
from ltxv.frozen import Frozen
from ltxv.grid import shown
from ltxv.media.frames import read_frames
from ltxv.media.sheet import Cell, sheet_of
from ltxv.result import File, VideoResult
from ltxv.scratch import scratch
from tasks.progress import UNREACHABLE

_FORMULA = ("=", "+", "-", "@")
_CELL_WIDTH, _WIDEST = 320, 2560
_NOTHING: Frames = np.zeros((90, 160, 3), np.uint8)


class SweepCell(Frozen):
    """One video of a sweep."""

    settings: dict[str, Any] = Field(description="The fields that tell it from the others.")
    result: VideoResult | None = Field(description="The video; null if it was refused.")
    error: str | None = Field(default=None, description="Why it was refused.")


class SweepResult(Frozen):
    """All videos of a sweep, or its plan alone."""

    plan: SweepPlan
    cells: tuple[SweepCell, ...] = ()
    sheet: File | None = Field(default=None, description="A labelled picture of all, JPEG.")
    table: File | None = Field(default=None, description="A line for each, CSV.")


def finished_sweep(
    plan: SweepPlan, cells: Sequence[SweepCell], *, captions: Sequence[str], store: MediaStore
) -> SweepResult:
    """Publish sheet and table, and attach both to the flow run.

    Args:
        plan: What was expected.
        cells: What was made.
        captions: What the sheet says of each.
        store: Where the videos are, and the files go.

    Raises:
        Transient: The store cannot be reached.
        Misconfigured: It cannot be written to.
    """
    name = f"sweeps/{flow_run.get_id()}"
    columns = len({shown(list(cell.settings.values())[-1]) for cell in cells})
    with scratch() as folder:
        pictures = [
            Cell(_middle(cell.result, store, folder), caption)
            if cell.result is not None
            else Cell(_NOTHING, f"refused: {caption}")
            for cell, caption in zip(cells, captions, strict=True)
        ]
        rows = [pictures[n : n + columns] for n in range(0, len(pictures), columns)]
        content = sheet_of(rows, width=min(_WIDEST, _CELL_WIDTH * columns))
        sheet = folder / "sheet.jpg"
        sheet.write_bytes(content)
        _attach(content, cells)
        table = folder / "table.csv"
        _write_table(table, cells)
        return SweepResult(
            plan=plan,
            cells=tuple(cells),
            sheet=store.publish(sheet, name=f"{name}.jpg", content_type="image/jpeg"),
            table=store.publish(table, name=f"{name}.csv", content_type="text/csv"),
        )


def _attach(sheet: bytes, cells: Sequence[SweepCell]) -> None:
    try:
        attach_picture(sheet, "image/jpeg", key="sweep-sheet", description=f"{len(cells)} cells")
        create_table_artifact([_line(cell) for cell in cells], key="sweep")
    except UNREACHABLE as error:
        get_run_logger().warning("the sweep is not shown: %s", error)


def _middle(result: VideoResult, store: MediaStore, folder: Path) -> Frames:
    """Return the frame in the middle of a video."""
    file = folder / "video.mp4"
    store.fetch(result.video.url, file, loc=("video", "url"))
    frames = read_frames(file)
    file.unlink()
    middle: Frames = frames[len(frames) // 2]
    return middle


def _line(cell: SweepCell) -> dict[str, str]:
    """Return a row of the table; what a spreadsheet would compute is marked as text."""
    made = cell.result
    line = {name: shown(value) for name, value in cell.settings.items()}
    ran = [record.name for record in made.stages if record.state == "ran"] if made else []
    line |= {
        "video": made.video.url if made else "",
        "used seed": str(made.seed) if made else "",
        "stages that ran": " ".join(ran),
        "seconds": f"{sum(r.seconds for r in made.stages):.1f}" if made else "",
        "error": cell.error or "",
    }
    return line


def _write_table(file: Path, cells: Sequence[SweepCell]) -> None:
    lines = [_line(cell) for cell in cells]
    with file.open("w", encoding="utf-8", newline="") as out:
        table = csv.DictWriter(out, fieldnames=list(lines[0]))
        table.writeheader()
        table.writerows({name: _inert(value) for name, value in line.items()} for line in lines)


def _inert(value: str) -> str:
    if not value.startswith(_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
