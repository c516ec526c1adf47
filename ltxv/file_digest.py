"""SHA-256 of files, remembered for large ones: 26 GB of weights take minutes to read."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

_LARGE = 32 * 2**20


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes.

    The digest of a file past 32 MB is kept in the user's cache folder under its path, size and
    time of last change, so it is computed once on each machine.
    """
    path = path.resolve()
    stat = path.stat()
    if stat.st_size < _LARGE:
        return _computed(path)
    note = _notes() / _text_digest(f"{path}\n{stat.st_size}\n{stat.st_mtime_ns}")
    if note.exists():
        return note.read_text()
    digest = _computed(path)
    _write(note, digest)
    return digest


def files_digest(paths: dict[str, Path]) -> str:
    """Return one SHA-256 for many files, each under the name it counts by."""
    lines = [f"{name} {file_digest(path)}" for name, path in sorted(paths.items())]
    return _text_digest("\n".join(lines))


def _computed(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _text_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _notes() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ltx-flows" / "digests"


def _write(note: Path, digest: str) -> None:
    """Write a note whole or not at all; a read-only home only costs the next start its time."""
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=note.parent, delete=False) as file:
            file.write(digest)
        Path(file.name).replace(note)
    except OSError:
        return
