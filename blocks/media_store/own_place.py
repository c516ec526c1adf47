"""A folder of the store that this project alone writes to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

from blocks.media_store.backend import Entry, Listed, Write
from blocks.media_store.place import Place


class OwnPlace(Place):
    """A place whose files can also be listed and removed."""

    def __init__(self, backend: Listed, folder: str, address: str) -> None:
        super().__init__(backend, f"{folder}/", address)
        self._listed = backend
        self._folder = folder

    def names(self) -> Iterator[str]:
        """Yield the names of all files in it that are whole.

        Raises:
            Misconfigured: The store denies access.
            Transient: The store cannot be reached.
        """
        for name, _ in self.entries():
            yield name

    def entries(self, below: str = "") -> Iterator[tuple[str, Entry]]:
        """Yield the names of all whole files, or of those in a folder, and what is known of them.

        Raises:
            Misconfigured: The store denies access.
            Transient: The store cannot be reached.
        """
        where = f"{self._folder}/{below}".rstrip("/")
        for entry in self._listed.entries(where):
            name = entry.key.removeprefix(f"{self._folder}/")
            if self._key(name) == entry.key:
                yield name, entry

    def writing(self, name: str, *, content_type: str) -> AbstractContextManager[Write]:
        """Give a function that takes the bytes of a file, in constant memory.

        The file is there when the context ends well; otherwise nothing is left of it.

        Raises:
            ValueError: The name leaves the folder.
            Misconfigured: The store cannot be written to.
            Transient: The store cannot be reached.
        """
        key = self._key(name)
        if key is None:
            raise ValueError(f"{name!r} is no name of a file in {self._folder}")
        return self._listed.writing(key, content_type=content_type)

    def remove(self, name: str) -> None:
        """Remove a file; there may be none.

        Raises:
            Misconfigured: The store denies it.
            Transient: The store cannot be reached.
        """
        key = self._key(name)
        if key is not None:
            self._listed.remove(key)
