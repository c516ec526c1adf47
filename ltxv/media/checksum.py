"""A digest of a whole mp4, at its end, in a box that players skip."""

from __future__ import annotations

import hashlib
from pathlib import Path

_MARK = b"sha256"
_SIZE = 8 + len(_MARK) + 32
_START = _SIZE.to_bytes(4) + b"free" + _MARK
_CHUNK = 2**20


def add_checksum(file: Path) -> None:
    """Append the digest of all that the file has so far.

    Raises:
        OSError: The file cannot be written to.
    """
    digest = _digest(file, file.stat().st_size)
    with file.open("ab") as end:
        end.write(_START + digest)


def checksum_holds(file: Path) -> bool:
    """Say whether the file ends with the digest of all that is before.

    Raises:
        OSError: The file cannot be read.
    """
    size = max(0, file.stat().st_size - _SIZE)
    with file.open("rb") as end:
        end.seek(size)
        return end.read() == _START + _digest(file, size)


def _digest(file: Path, size: int) -> bytes:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while size and (piece := content.read(min(size, _CHUNK))):
            digest.update(piece)
            size -= len(piece)
    return digest.digest()
