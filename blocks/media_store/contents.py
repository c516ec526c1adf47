"""The bytes of a store: what stages hand to each other, and what callers can open."""

from __future__ import annotations

from abc import ABC
from contextlib import AbstractContextManager
from pathlib import Path

from blocks import internet
from blocks.internet import Fetched
from blocks.internet.errand import Errand
from blocks.internet.intake import intake
from blocks.media_store.disk_faults import disk_faults
from blocks.media_store.keys import is_key, output_key
from blocks.media_store.payloads import Payloads
from blocks.media_store.settings import StoreSettings
from ltxv.errors import Loc
from ltxv.refs import Ref
from ltxv.result import File


class StoreContents(StoreSettings, ABC):
    """Read and write the files of a store."""

    def put(self, source: bytes | Path, *, folder: str, suffix: str) -> Ref:
        """Keep bytes, or a copy of a file, under a name made from their content.

        What is there already, whole, is not written again.

        Args:
            source: The bytes, or a file that nobody changes meanwhile.
            folder: Place in the store, such as ``latents``.
            suffix: End of the name, such as ``.safetensors``.

        Raises:
            Misconfigured: The store cannot be written to.
            Transient: The store cannot be reached.
        """
        return Payloads(self._backend).put(source, folder=folder, suffix=suffix)

    def get(self, ref: Ref) -> bytes:
        """Return the bytes of ``ref``.

        Raises:
            Transient: They are missing or not whole: the stage that made them has to run again,
                and does when the request is run again; or the store cannot be reached.
            Misconfigured: The store denies access.
        """
        return Payloads(self._backend).get(ref)

    def open(self, ref: Ref) -> AbstractContextManager[Path]:
        """Give the bytes of ``ref`` as a file to read, not to change, within a context.

        Raises:
            Transient: As for ``get``.
            Misconfigured: The store denies access, or the disk for temporary files is full.
        """
        return Payloads(self._backend).open(ref)

    def holds(self, ref: Ref) -> bool:
        """Say whether the bytes of ``ref`` are there and whole.

        All of them are read for that, unless this process did so before and they were not written
        to since.

        Raises:
            Transient: The store cannot be reached.
            Misconfigured: The store denies access.
        """
        return Payloads(self._backend).holds(ref)

    def kept(self, sha256: str, *, folder: str, suffix: str) -> Ref | None:
        """Return what was put with that digest; None if it is no longer there whole.

        Raises:
            Transient: The store cannot be reached.
            Misconfigured: The store denies access.
        """
        return Payloads(self._backend).kept(sha256, folder=folder, suffix=suffix)

    def publish(self, source: Path, *, name: str, content_type: str, loc: Loc = ()) -> File:
        """Put a copy of a finished file where callers can open it.

        A file that is published under the same name later takes its place, at once.

        Args:
            source: The finished file.
            name: Its name below ``outputs/``, which may have folders in it.
            content_type: MIME type it is served with.
            loc: Field of the request that holds the name, for the refusal.

        Raises:
            Refused: The name would leave the folder.
            Misconfigured: The store cannot be written to.
            Transient: The store cannot be reached.
        """
        key = output_key(name, loc)
        with disk_faults(source.parent):
            size = source.stat().st_size
        self._backend.write(key, source, content_type=content_type)
        return File(
            url=self.url(key),
            content_type=content_type,
            file_name=key.rpartition("/")[2],
            file_size=size,
        )

    def remove(self, path: str) -> None:
        """Remove what the store keeps under ``path``; there may be none.

        Raises:
            Misconfigured: The store denies it.
            Transient: The store cannot be reached.
        """
        if is_key(path):
            self._backend.remove(path)

    def url(self, path: str) -> str:
        """Return an address under which a caller can open what the store keeps under ``path``.

        A signed one is made anew, and opens for ``presign_seconds`` from now on.

        Raises:
            Misconfigured: There are no credentials to sign with.
        """
        return self._backend.url(path)

    def own_address(self, path: str) -> str:
        """Return an address for ``path`` that ``fetch`` of this store opens, today and later.

        Unlike ``url`` it carries no signature, so that equal files have equal addresses.
        """
        return f"{self.root.rstrip('/')}/{path}" if self._is_s3 else self.url(path)

    def key_of(self, url: str) -> str | None:
        """Return what ``url`` names in this store, if a caller may name it; else None."""
        key = self._backend.key_of(url.strip())
        return key if key is not None and is_key(key) else None

    def fetch(self, url: str, target: Path, *, loc: Loc) -> Fetched:
        """Bring the bytes behind ``url`` into the file ``target``, within ``limits``.

        Addresses of this store's own files open directly: ``s3://`` below the root, addresses
        below the public base, signed ones of the endpoint, and local paths or ``file://`` below a
        local store's outputs. Every other goes through ``blocks.internet.fetch``.

        Raises:
            Refused: The URL is not allowed or does not lead to a file.
            Transient: The network, the server or the store failed.
            Misconfigured: The file cannot be written, or the store denies access.
        """
        url = url.strip()
        key = self._backend.key_of(url)
        if key is None:
            return internet.fetch(url, target, limits=self.limits, loc=loc)
        errand = Errand.start(url, loc=loc, limits=self.limits)
        with intake(target, errand) as file:
            found = self._backend.find(key) if is_key(key) else None
            if found is None:
                raise errand.refused("the store has no such file; check the address")
            file.expect(found.size)
            try:
                for chunk in self._backend.chunks(key):
                    file.write(chunk)
            except FileNotFoundError as error:
                raise errand.failed("the file was removed meanwhile") from error
            return file.fetched(found.content_type)
