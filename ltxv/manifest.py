"""A batch's manifest: JSON Lines or CSV in, numbered rows out, each with what is wrong with it.

Only a manifest that cannot be read at all is an error; a bad row is a row that says so.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ltxv.csv_table import read_table
from ltxv.errors import Refused, Violation, shortened

LOC = ("manifest",)
MAX_ROW_BYTES = 2**20
MAX_ID_BYTES = 200

_BOM = "\ufeff"
# What has no place in a file's name, a URL or a log line.
_NOT_IN_IDS = re.compile(
    r"[\x00-\x1f\x7f-\x9f/\\?\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_ID_RULE = (
    f"use up to {MAX_ID_BYTES} bytes, no slash, backslash, question mark or control character, and "
    "no dot at its start"
)


class ManifestRow(NamedTuple):
    """One row as it is written."""

    line: int
    """Line of the manifest that it starts in, from 1."""
    id: str
    """Its id; empty if it has none that can be used."""
    fields: Mapping[str, Any]
    """The request."""
    wrong: Sequence[Violation]
    """Why it cannot be run; empty if nothing is known against it yet."""


def read_manifest(content: bytes, *, name: str) -> list[ManifestRow]:
    """Return the rows of a manifest.

    Args:
        content: All of it.
        name: Its file's name; ``.csv`` and ``.jsonl`` tell the form, else the content does.

    Raises:
        Refused: It is not UTF-8 text, has no rows, or is a CSV whose columns cannot be told.
    """
    text = _text(content)
    found = read_table(text) if _is_csv(name, text) else _json_lines(text)
    rows = [_row(line, value) for line, value in found]
    if not rows:
        raise _refused("has no rows; give one request a line, each with an id")
    return list(_unique(rows))


def _text(content: bytes) -> str:
    try:
        return content.decode().removeprefix(_BOM)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refused(
            f"is not UTF-8 text: line {line} has the byte 0x{content[error.start]:02x}; save it "
            "as UTF-8"
        ) from error


def _is_csv(name: str, text: str) -> bool:
    suffix = name.lower().rpartition(".")[2]
    if suffix in ("csv", "jsonl", "ndjson"):
        return suffix == "csv"
    if text.lstrip()[:1] == "[":
        raise _refused("is a JSON list; write one JSON object a line, without the brackets")
    return text.lstrip()[:1] != "{"


def _json_lines(text: str) -> Iterator[tuple[int, Any]]:
    """Yield line numbers with objects, or with what is wrong with the line."""
    for line, raw in enumerate(text.split("\n"), start=1):  # U+2028 may be inside a text
        written = raw.strip()
        if written:
            yield line, _json_object(written)


def _json_object(written: str) -> dict[str, Any] | Violation:
    size = len(written.encode())
    if size > MAX_ROW_BYTES:
        return _too_long(size)
    try:
        value = json.loads(written)
    except (ValueError, RecursionError) as error:  # too many digits or levels, among others
        return Violation(loc=(), msg=f"is not JSON: {error}", type="json_invalid")
    if isinstance(value, dict):
        return value
    return Violation(loc=(), msg="must be a JSON object", type="model_type", input=written)


def _row(line: int, value: Mapping[str, Any] | Violation) -> ManifestRow:
    if isinstance(value, Violation):
        return ManifestRow(line, "", {}, [value])
    fields = dict(value)
    given = fields.pop("id", None)
    name = str(given).strip() if isinstance(given, str | int) and given is not True else ""
    if not name:
        wrong = Violation(
            loc=("id",), msg="is missing; give each row an id", type="missing", input=None
        )
        return ManifestRow(line, "", fields, [wrong])
    if name.startswith(".") or _NOT_IN_IDS.search(name) or len(name.encode()) > MAX_ID_BYTES:
        said = f"{shortened(name, 40)!a} cannot be an id; {_ID_RULE}"
        wrong = Violation(loc=("id",), msg=said, type="value_error", input=ascii(name))
        return ManifestRow(line, "", fields, [wrong])
    return ManifestRow(line, name, fields, [])


def _unique(rows: Sequence[ManifestRow]) -> Iterator[ManifestRow]:
    """Yield the rows; those that share an id are all wrong, since nobody knows which is meant."""
    lines = defaultdict(list)
    for row in rows:
        lines[row.id].append(row.line)
    for row in rows:
        others = [str(line) for line in lines[row.id] if line != row.line]
        if not row.id or not others:
            yield row
            continue
        said = f"{row.id!r} is the id of line {', '.join(others[:5])} too; give each row its own"
        wrong = Violation(loc=("id",), msg=said, type="value_error", input=row.id)
        yield row._replace(wrong=[*row.wrong, wrong])


def _too_long(size: int) -> Violation:
    return Violation(
        loc=(),
        msg=f"has {size} bytes, more than {MAX_ROW_BYTES}; name media by URL, or put them beside "
        "the manifest",
        type="too_long",
    )


def _refused(said: str) -> Refused:
    return Refused.because(LOC, said, type="value_error")
