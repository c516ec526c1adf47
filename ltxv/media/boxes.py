"""The boxes that an mp4 is made of (ISO/IEC 14496-12, section 4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_HEADER = 8
_LONG_HEADER = 16
_LONG = 1
_TO_THE_END = 0


class Box(NamedTuple):
    """A box at the top of a file."""

    kind: bytes
    start: int
    size: int


def boxes(path: Path) -> Iterator[Box]:
    """Yield the top boxes of a file, up to the first place that holds none.

    Raises:
        OSError: The file cannot be read.
    """
    total = path.stat().st_size
    with path.open("rb") as file:
        start = 0
        while start + _HEADER <= total:
            file.seek(start)
            header = file.read(_LONG_HEADER)
            size = int.from_bytes(header[:4])
            if size == _LONG:
                size = int.from_bytes(header[_HEADER:])
            elif size == _TO_THE_END:
                size = total - start
            if size < _HEADER or start + size > total:
                return
            yield Box(header[4:_HEADER], start, size)
            start += size


def content(path: Path, box: Box) -> bytes:
    """Return a box with its header.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        file.seek(box.start)
        return file.read(box.size)
