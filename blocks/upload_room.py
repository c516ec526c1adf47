"""How much place the files of a key take, told by names alone, so that no file has to be opened.

Each file that a key with a limit sent, and each part of one, has an empty file of its own:
``KEY/UPLOAD/NUMBER.BYTES``. A whole file has the number 0.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection
from datetime import timedelta

from blocks.media_store import MediaStore
from blocks.media_store.keys import GATEWAY

_FOLDER = f"{GATEWAY}/room"
_NAME = re.compile(r"(?P<owner>[^/]+)/(?P<upload>[0-9a-f]{32})/(?P<number>\d+)\.(?P<size>\d+)")
Piece = tuple[str, int]
"""Id of an upload and number of its part."""
_LEFT = timedelta(days=1)
"""Age of a note about an upload that nobody completed."""


class UploadRoom:
    """What each key's files take in a store."""

    def __init__(self, store: MediaStore) -> None:
        self._place = store.own_place(_FOLDER)

    def sizes(self, owner: str) -> dict[Piece, int]:
        """Return how many bytes each file of a key has, and each part of an unfinished one."""
        sizes: dict[Piece, int] = {}
        for name, _ in self._place.entries(owner):
            found = _NAME.fullmatch(name)
            if found is not None:
                piece = (found["upload"], int(found["number"]))
                sizes[piece] = max(sizes.get(piece, 0), int(found["size"]))
        return sizes

    def note(self, owner: str, upload: str, size: int, *, number: int = 0) -> None:
        """Note a file that is there, or one of its parts."""
        self._place.write(f"{owner}/{upload}/{number}.{size}", b"")

    def join(self, owner: str, upload: str, size: int) -> None:
        """Note a file in the place of its parts."""
        parts = [name for name, _ in self._place.entries(f"{owner}/{upload}")]
        self.note(owner, upload, size)
        for name in parts:
            self._place.remove(name)

    def forget(self, owner: str, upload: str) -> None:
        """Forget a file that is there no more."""
        for name, _ in list(self._place.entries(f"{owner}/{upload}")):
            self._place.remove(name)

    def clear(self, *, there: Collection[str], gone: Collection[str]) -> None:
        """Forget uploads that are gone, and those that nobody completed within a day.

        Args:
            there: Ids of all that are kept.
            gone: Ids of those that were there.
        """
        before = time.time() - _LEFT.total_seconds()
        for name, entry in list(self._place.entries()):
            found = _NAME.fullmatch(name)
            upload = found["upload"] if found is not None else ""
            if upload in gone or (upload not in there and entry.modified < before):
                self._place.remove(name)
