"""What the store asks of a place that keeps bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

Write = Callable[[bytes], object]
"""Takes the next bytes of a file in the making."""

CHUNK = 8 * 2**20
"""Bytes that are read, written or sent at a time; S3's parts must have 5 MiB at least."""


@dataclass(frozen=True)
class Found:
    """What a place says about a file without reading it."""

    size: int
    content_type: str
    """MIME type it is served with; empty if none is known."""
    modified: float
    """When it was written, in seconds of the Unix time, by the place's own clock; 0 where that is
    not known."""
    stamp: str = ""
    """Another one for whatever else was written there since; empty if the place cannot promise."""


class Entry(NamedTuple):
    """A file, as a list of all of them shows it."""

    key: str
    size: int
    modified: float
    """When it was written, in seconds of the Unix time."""
    used: float
    """When it was last used, as far as the place knows; at the earliest when it was written."""


class Backend(Protocol):
    """A place that keeps bytes under keys.

    Every method may raise ``Transient`` or ``Misconfigured`` for a place that fails.
    """

    def find(self, key: str) -> Found | None:
        """Say what is known of a file; ``None`` if there is none."""

    def read(self, key: str) -> bytes:
        """Return the bytes of a small file; ``FileNotFoundError`` if there is none."""

    def chunks(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes of a file, or some; ``FileNotFoundError`` if there is none."""

    def write(self, key: str, source: bytes | Path, *, content_type: str) -> None:
        """Keep bytes under ``key``: readers see all that was there before, or all of these."""

    def create(self, key: str, content: bytes) -> bool:
        """Keep bytes under ``key`` if there is no such file yet; say whether that was so.

        Of several that try at once, one succeeds. Where a server does not know how to do that, all
        of them do, and the last one's bytes stay.
        """

    def remove(self, key: str) -> None:
        """Remove a file; there may be none."""

    def path(self, key: str) -> Path | None:
        """Return the file itself where it is a file of this machine."""

    def url(self, key: str) -> str:
        """Return an address under which a caller can open the file."""

    def key_of(self, url: str) -> str | None:
        """Return the key of a file that a caller may name by ``url``; ``None`` for any other."""


class Listed(Backend, Protocol):
    """A place that can say what it has, and whose files are told that they were used."""

    def entries(self, folder: str = "") -> Iterator[Entry]:
        """Yield every file, or every one in a folder, hidden ones in the making included."""

    def writing(self, key: str, *, content_type: str) -> AbstractContextManager[Write]:
        """Give a function that takes a file's bytes one after the other, in constant memory.

        Readers see the file when the context ends well; otherwise nothing is left of it.
        """

    def touch(self, key: str) -> None:
        """Note that a file was used, where that costs nothing; it may not be there any more."""
