"""The bytes that stages hand to each other, under names made from their content."""

from __future__ import annotations

import hashlib
import mimetypes
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from blocks.media_store.backend import CHUNK, Backend, Found
from blocks.media_store.disk_faults import disk_faults
from blocks.media_store.keys import content_key, is_key
from ltxv.errors import Transient
from ltxv.refs import Ref
from ltxv.scratch import scratch

_OLD_SECONDS = 3600
_UNKNOWN_TYPE = "application/octet-stream"
_MOST_KNOWN = 10_000

_whole: dict[str, None] = {}
"""Digests and stamps of content that this process found whole: a hit looks at it three times."""


class Payloads:
    """Content in a backend, digested whenever it is written or read."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def put(self, source: bytes | Path, *, folder: str, suffix: str) -> Ref:
        """Keep content, unless it is there whole."""
        sha256, size = _digest(source)
        ref = Ref(path=content_key(folder, sha256, suffix), sha256=sha256, size=size)
        if not self.holds(ref) or self._is_old(ref):
            content_type = mimetypes.guess_type(f"_{suffix}")[0] or _UNKNOWN_TYPE
            self._backend.write(ref.path, source, content_type=content_type)
        return ref

    def _is_old(self, ref: Ref) -> bool:
        """Say whether upkeep could take content for something that nobody needs any more."""
        found = self._backend.find(ref.path)
        return found is None or found.modified < time.time() - _OLD_SECONDS

    def get(self, ref: Ref) -> bytes:
        """Return content, if it is there whole."""
        content = bytearray()
        if not self._read(ref, content.extend):
            raise _lost(ref)
        return bytes(content)

    @contextmanager
    def open(self, ref: Ref) -> Iterator[Path]:
        """Give content as a file, if it is there whole."""
        kept = self._backend.path(ref.path)
        if kept is not None:
            if not self.holds(ref):
                raise _lost(ref)
            yield kept
            return
        with scratch() as folder:
            copy = folder / Path(ref.path).name
            with disk_faults(folder.parent), copy.open("xb") as file:
                whole = self._read(ref, file.write)
            if not whole:
                raise _lost(ref)
            yield copy

    def holds(self, ref: Ref) -> bool:
        """Say whether content is there whole; once it was, that holds until it is written to."""
        found = self._found(ref)
        if found is None:
            return False
        known = f"{ref.sha256} {found.stamp}" if found.stamp else ""
        if known not in _whole:
            if not self._read(ref, lambda _: None):
                return False
            if known:
                _whole[known] = None
        if len(_whole) > _MOST_KNOWN:
            _whole.clear()
        return True

    def kept(self, sha256: str, *, folder: str, suffix: str) -> Ref | None:
        """Return content by its digest, if it is there whole."""
        key = content_key(folder, sha256, suffix)
        found = self._backend.find(key) if is_key(key) else None
        if found is None:
            return None
        ref = Ref(path=key, sha256=sha256, size=found.size)
        return ref if self.holds(ref) else None

    def _found(self, ref: Ref) -> Found | None:
        found = self._backend.find(ref.path) if is_key(ref.path) else None
        return found if found is not None and found.size == ref.size else None

    def _read(self, ref: Ref, take: Callable[[bytes], object]) -> bool:
        """Hand on the bytes at ``ref.path``; ``True`` if they were those of ``ref``."""
        if self._found(ref) is None:
            return False
        digest = hashlib.sha256()
        try:
            for chunk in self._backend.chunks(ref.path):
                digest.update(chunk)
                take(chunk)
        except FileNotFoundError:  # gone since it was found
            return False
        return digest.hexdigest() == ref.sha256


def _digest(source: bytes | Path) -> tuple[str, int]:
    """Return the SHA-256 and the length of bytes or of a file."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest(), len(source)
    digest, size = hashlib.sha256(), 0
    with disk_faults(source.parent), source.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def _lost(ref: Ref) -> Transient:
    return Transient(
        f"the media store no longer has the {ref.size} bytes of {ref.path} as they were made; "
        "run the request again, and the stage that made them runs again"
    )
