"""Files that callers sent, in the store until they end.

The bytes are among the outputs, where flows may read them; what is known of them is in a folder of
which no caller may name a file.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from pydantic import AwareDatetime, Field, ValidationError

from blocks.media_store import MediaStore
from blocks.media_store.backend import Write
from blocks.media_store.keys import GATEWAY, OUTPUTS
from blocks.upload_room import UploadRoom
from ltxv.frozen import Frozen

Access = Literal["allow", "hide", "forbid"]

_FOLDER = "uploads"
_RECORDS = f"{GATEWAY}/files"
_ID = re.compile(r"[0-9a-f]{32}")
_LEFT = timedelta(days=1)
"""Age of an upload without a record, whose sender or gateway went away."""


class Upload(Frozen):
    """What is known of a file."""

    id: str = Field(pattern=_ID.pattern)
    name: str
    content_type: str
    size: int
    sha256: str
    owner: str = Field(description="Id of the key that sent it.")
    created: AwareDatetime
    expires: AwareDatetime | None = Field(default=None, description="When it ends; None: never.")
    access: Access = Field(
        default="allow", description="What those get who know the address and are not its owner."
    )
    access_of: dict[str, Access] = Field(
        default_factory=dict, description="The same for single keys."
    )

    @property
    def is_over(self) -> bool:
        """Whether its time has come."""
        return self.expires is not None and self.expires <= datetime.now(UTC)


class Removed(NamedTuple):
    """What a look through the uploads found to go."""

    files: int
    size: int


class Uploads:
    """The uploads of a store."""

    def __init__(self, store: MediaStore) -> None:
        self._files = store.own_place(f"{OUTPUTS}/{_FOLDER}")
        self._records = store.own_place(_RECORDS)
        self._room = UploadRoom(store)
        self._store = store

    def writing(self, id_: str, name: str, *, content_type: str) -> AbstractContextManager[Write]:
        """Give a function that takes the bytes of an upload, which is whole or not there."""
        return self._files.writing(f"{id_}/{name}", content_type=content_type)

    def keep(self, upload: Upload) -> None:
        """Note what is known of a file whose bytes are there."""
        self._records.write(f"{upload.id}.json", upload.model_dump_json().encode())

    def find(self, id_: str) -> Upload | None:
        """Return an upload that is there and has not ended."""
        found = self._read(id_)
        return None if found is None or found.is_over else found

    def chunks(self, upload: Upload, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes of an upload, or some; ``FileNotFoundError`` if they are gone."""
        return self._files.chunks(f"{upload.id}/{upload.name}", start, stop)

    def address(self, upload: Upload) -> str:
        """Return the address under which flows open it."""
        return self._store.own_address(f"{OUTPUTS}/{_FOLDER}/{upload.id}/{upload.name}")

    def known(self, id_: str) -> Upload | None:
        """Return what is known of an upload, also of one that ended within the last day."""
        return self._read(id_)

    def remove(self, upload: Upload) -> None:
        """Remove an upload; for a day it is known that it was there, so that none takes its id."""
        self._files.remove(f"{upload.id}/{upload.name}")
        self._room.forget(upload.owner, upload.id)
        self.keep(upload.model_copy(update={"expires": datetime.now(UTC)}))

    def remove_ended(self, *, dry_run: bool = False) -> Removed:
        """Remove uploads that ended, and the remains of those that never were whole."""
        now = datetime.now(UTC)
        known = {one.id: one for one in map(self._read, self._ids()) if one is not None}
        going = [
            (name, entry.size)
            for name, entry in self._files.entries()
            if _goes(known.get(name.partition("/")[0]), written=entry.modified)
        ]
        if not dry_run:
            for name, _ in going:
                self._files.remove(name)
            gone = {id_ for id_, one in known.items() if one.is_over}
            self._room.clear(there=known.keys() - gone, gone=gone)
            for one in known.values():
                if one.expires is not None and one.expires < now - _LEFT:
                    self._records.remove(f"{one.id}.json")
        return Removed(len(going), sum(size for _, size in going))

    def _ids(self) -> Iterator[str]:
        return (name.removesuffix(".json") for name in self._records.names())

    def _read(self, id_: str) -> Upload | None:
        content = self._records.read(f"{id_}.json") if is_upload_id(id_) else None
        try:
            return None if content is None else Upload.model_validate_json(content)
        except ValidationError:
            return None


def new_upload_id() -> str:
    """Return an id that nobody guesses: knowing it is what opens a file."""
    return secrets.token_hex(16)


def is_upload_id(text: str) -> bool:
    """Say whether ``text`` could be the id of an upload."""
    return _ID.fullmatch(text) is not None


def _goes(upload: Upload | None, *, written: float) -> bool:
    """Say whether bytes are those of an upload that ended, or of none."""
    if upload is None:
        return written < time.time() - _LEFT.total_seconds()
    return upload.is_over
