"""Bytes that jobs work from, kept by their digest so that none is sent twice."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from anyio import to_thread

DIGEST = re.compile(r"[0-9a-f]{64}")

_LARGEST = 8 * 2**30
_KEPT = 16 * 2**30


class InputRefusedError(ValueError):
    """The bytes are too many, or not those of the digest."""


class Inputs:
    """A folder of inputs; the ones that were used longest ago go first when it is full.

    Args:
        folder: An empty folder of the engine's own.
        keep: Bytes that are kept at most, beside those of the jobs at hand.
    """

    def __init__(self, folder: Path, *, keep: int = _KEPT) -> None:
        self._folder = folder
        self._keep = keep
        self._lock = threading.Lock()

    def find(self, digest: str) -> Path | None:
        """Return the file with this digest, and count it as used; None if it is not here."""
        file = self._folder / digest
        with self._lock:
            try:
                os.utime(file)
            except FileNotFoundError:
                return None
        return file

    async def take(self, digest: str, chunks: AsyncIterator[bytes]) -> None:
        """Keep the bytes that arrive.

        Raises:
            InputRefusedError: They are too many, or not those of ``digest``.
        """
        hashed, size = hashlib.sha256(), 0
        number, name = tempfile.mkstemp(dir=self._folder, prefix="arriving-")
        try:
            with os.fdopen(number, "wb") as file:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > _LARGEST:
                        raise InputRefusedError(f"it has more than {_LARGEST} bytes")
                    hashed.update(chunk)
                    await to_thread.run_sync(file.write, chunk)
            if hashed.hexdigest() != digest:
                raise InputRefusedError("the bytes are not those of the digest")
            os.replace(name, self._folder / digest)  # noqa: PTH105 - a name among names, at once
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name)  # noqa: PTH108

    def tidy(self, needed: set[str]) -> None:
        """Remove what was used longest ago until the rest fits; ``needed`` stays."""
        with self._lock:
            files = [file for file in self._folder.iterdir() if DIGEST.fullmatch(file.name)]
            states = sorted(((file.stat(), file) for file in files), key=_last_used)
            left = sum(state.st_size for state, _ in states)
            for state, file in states:
                if left <= self._keep:
                    return
                if file.name not in needed:
                    file.unlink()
                    left -= state.st_size


def _last_used(entry: tuple[os.stat_result, Path]) -> float:
    return entry[0].st_mtime
