"""A manifest as a table: columns are fields of the request, nested ones as JSON or dotted names."""

from __future__ import annotations

import csv
import difflib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ltxv.errors import Refused, Violation
from ltxv.request import MAX_ITEMS, VideoRequest

_LISTS = ("images", "videos", "loras")
_DOTTED = re.compile(rf"({'|'.join(_LISTS)})\.([0-9]|1[0-9])\.([a-z_]+)")
# A cell of these is text, whatever it looks like; every other is JSON where it can be.
_TEXTS = (
    *("id", "prompt", "negative_prompt", "resolution", "aspect_ratio"),
    *("image_url", "video_url", "conditioning_type", "path", "weight_name"),
)


def read_table(text: str) -> Iterator[tuple[int, dict[str, Any] | Violation]]:
    """Yield the line that each row starts in, with its request or what is wrong with it.

    Empty cells leave their fields out. ``images.0.strength`` is a field of the first image.

    Raises:
        Refused: A quote is never closed, or a column is no field.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: Sequence[str] = ()
    ended = 0
    while True:
        starts = ended + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise _refused(
                f"cannot be read as CSV from line {starts} on: {error}; quote cells that have "
                "commas, quotes or line breaks, and put long values beside the manifest"
            ) from error
        if cells is None:
            return
        ended = reader.line_num
        if not any(cell.strip() for cell in cells):
            continue
        if not columns:
            columns = _checked([cell.strip() for cell in cells])
        elif len(cells) != len(columns):
            said = f"has {len(cells)} cells and the header {len(columns)}; quote cells with commas"
            yield starts, Violation(loc=(), msg=said, type="value_error")
        else:
            yield starts, _request(dict(zip(columns, cells, strict=True)))


def _checked(columns: Sequence[str]) -> Sequence[str]:
    fields = {"id", *VideoRequest.model_fields, *VideoRequest.later_names}
    for column in columns:
        dotted = _DOTTED.fullmatch(column)
        if column not in fields and not (dotted and int(dotted[2]) < MAX_ITEMS):
            near = difflib.get_close_matches(column.lower(), fields, n=1, cutoff=0.5)
            meant = f"did you mean {near[0]!r}?" if near else "see the fields of a request"
            raise _refused(f"has the column {column!r}, which is no field; {meant}")
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise _refused(f"has the column {twice[0]!r} twice; remove one")
    if "id" not in columns:
        raise _refused("has no column 'id'; the first line names the columns, between commas")
    return columns


def _request(cells: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    items: dict[tuple[str, int], dict[str, Any]] = {}
    for column, cell in cells.items():
        if not cell.strip():
            continue
        dotted = _DOTTED.fullmatch(column)
        if dotted is None:
            fields[column] = _value(column, cell)
        else:
            name, number, field = dotted.groups()
            items.setdefault((name, int(number)), {})[field] = _value(field, cell)
    for name, number in sorted(items):
        listed = fields.setdefault(name, [])
        if isinstance(listed, list):  # else the row is wrong anyway, and the request says how
            listed.append(items[name, number])
    return fields


def _value(field: str, cell: str) -> Any:
    if field in _TEXTS:
        return cell.strip() if field != "prompt" else cell
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return cell.strip()


def _refused(said: str) -> Refused:
    return Refused.because(("manifest",), said, type="value_error")
