"""Uploads that arrive in parts, in any order, each as often as it takes."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple

from blocks.media_store import MediaStore
from blocks.media_store.backend import Entry, Write
from blocks.media_store.keys import GATEWAY
from blocks.uploads import Removed, is_upload_id
from ltxv.errors import Refused

MOST_PARTS = 10_000
_FOLDER = f"{GATEWAY}/parts"
_LEFT = timedelta(days=1)
_NAME = re.compile(r"[0-9a-f]{32}/([1-9][0-9]{0,4})")


class Part(NamedTuple):
    """A part that a sender says it sent."""

    number: int
    etag: str
    """SHA-256 of its bytes."""


class UploadParts:
    """The parts of one upload, until they are joined."""

    def __init__(self, id_: str, store: MediaStore) -> None:
        if not is_upload_id(id_):
            raise ValueError(f"{id_!r} is no id of an upload")
        self._id = id_
        self._place = store.own_place(_FOLDER)

    @contextmanager
    def writing(self, number: int) -> Iterator[Write]:
        """Give a function that takes the bytes of a part, in place of those that were there."""
        with self._place.writing(
            f"{self._id}/{number}", content_type="application/octet-stream"
        ) as write:
            yield write

    def sizes(self) -> dict[int, int]:
        """Return how many bytes of each part are there."""
        found = ((_NAME.fullmatch(name), entry.size) for name, entry in self._entries())
        return {int(name[1]): size for name, size in found if name}

    def joined(self, parts: Sequence[Part]) -> Iterator[bytes]:
        """Yield the bytes of all parts in the order of their numbers.

        Raises:
            Refused: One is not there, or is not what its sender said; found out while reading.
        """
        for part in sorted(parts):
            digest = hashlib.sha256()
            try:
                for chunk in self._place.chunks(f"{self._id}/{part.number}"):
                    digest.update(chunk)
                    yield chunk
            except FileNotFoundError:
                raise _wrong(part, "it was not sent") from None
            if digest.hexdigest() != part.etag:
                raise _wrong(part, "its bytes are not those of its etag")

    def remove(self) -> None:
        """Remove all parts."""
        for name, _ in list(self._entries()):
            self._place.remove(name)

    def _entries(self) -> Iterator[tuple[str, Entry]]:
        return self._place.entries(self._id)


def remove_left_parts(store: MediaStore, *, dry_run: bool = False) -> Removed:
    """Remove parts of uploads that nobody completed within a day."""
    before = time.time() - _LEFT.total_seconds()
    place = store.own_place(_FOLDER)
    left = [(name, entry) for name, entry in place.entries() if entry.modified < before]
    if not dry_run:
        for name, _ in left:
            place.remove(name)
    return Removed(len(left), sum(entry.size for _, entry in left))


def _wrong(part: Part, said: str) -> Refused:
    return Refused.because(
        ("parts",), f"part {part.number}: {said}; send it again", type="value_error"
    )
