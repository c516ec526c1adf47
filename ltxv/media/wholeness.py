"""Whether a file ends before its own structure does, where ffmpeg takes it for a shorter one."""

from __future__ import annotations

import mmap
from pathlib import Path

from ltxv.media.content import Content

_EBML_HEAD_BYTES = 512
_GIF_SCREEN = 13
_GIF_PICTURE = 10
_GIF_EXTENSION = 0x21
_GIF_IMAGE = 0x2C
_COLOURS_FOLLOW = 0x80
_COLOUR_BITS = 0x07


def is_cut_short(path: Path, content: Content) -> bool:
    """Return whether a clip's bytes stop in the middle of what they announce.

    Matroska and GIF only: of the others ffmpeg says so itself. A recording of a browser states
    no end and a GIF may lack its last byte; both pass.
    """
    if content.reader == "matroska":
        return _matroska(path)
    return content.reader == "gif" and _gif(path)


def _matroska(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_EBML_HEAD_BYTES)
    size, start = _ebml_number(head, 4)
    size, start = _ebml_number(head, start + (size or 0) + 4)
    return size is not None and start + size > path.stat().st_size


def _ebml_number(head: bytes, at: int) -> tuple[int | None, int]:
    """Return the number at a place and the place after it; None for "unknown" and for no number."""
    if at >= len(head) or not head[at]:
        return None, at
    length = 9 - head[at].bit_length()
    unknown = (1 << 7 * length) - 1
    value = int.from_bytes(head[at : at + length], "big") & unknown
    return (None if value == unknown else value), at + length


def _gif(path: Path) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
        try:
            at = _GIF_SCREEN + _colours(held[10])
            while at < len(held):
                if held[at] == _GIF_EXTENSION:
                    at = _after_blocks(held, at + 2)
                elif held[at] == _GIF_IMAGE:
                    # After the colours stands one byte, how wide the codes are.
                    colours = _colours(held[at + _GIF_PICTURE - 1])
                    at = _after_blocks(held, at + _GIF_PICTURE + colours + 1)
                else:
                    return False
        except IndexError:
            return True
        return False


def _colours(flags: int) -> int:
    """Return how many bytes a table of colours takes, by the flags that announce it."""
    return 3 << ((flags & _COLOUR_BITS) + 1) if flags & _COLOURS_FOLLOW else 0


def _after_blocks(content: mmap.mmap, at: int) -> int:
    """Return the place after a run of blocks, each behind its length, that ends with an empty one.

    Raises:
        IndexError: The file ends first.
    """
    while length := content[at]:
        at += length + 1
    return at + 1
