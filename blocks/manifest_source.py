"""Where a batch's manifest is read from, and the media that it names beside it.

Media beside a manifest are copied among the store's inputs, named by their content, so that the
rows' runs find them wherever they run, and so that a changed file makes a changed row. What a web
address names is fetched by the runs themselves, through the guarded door to the network.
"""

from __future__ import annotations

import mimetypes
import posixpath
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from blocks.internet.errand import Errand
from blocks.internet.intake import intake
from blocks.media_store import MediaStore
from blocks.media_store.keys import OUTPUTS
from blocks.media_store.place import Place
from ltxv.errors import Loc, Refused, shortened
from ltxv.manifest import LOC
from ltxv.scratch import scratch

MAX_MANIFEST_BYTES = 64 * 2**20

_WEB = ("http://", "https://", "data:")


class Medium(NamedTuple):
    """A medium of a row as its run is told of it."""

    url: str
    identity: str
    """What tells it from others: its content's digest, or its URL where nobody has read it."""


class ManifestSource(Protocol):
    """An open manifest."""

    def content(self) -> bytes:
        """Return all of the manifest.

        Raises:
            Refused: It is not there, or too large.
        """

    def medium(self, name: str, *, loc: Loc, max_bytes: int) -> Medium:
        """Return the medium that a row names relative to the manifest.

        Args:
            name: A relative path.
            loc: Field of the row, for the refusal.
            max_bytes: How large it may be.

        Raises:
            Refused: There is no such file, or it is not below the manifest's folder.
        """


def open_manifest(url: str, store: MediaStore) -> ManifestSource:
    """Return the manifest at a URL: in the store or its places, or on the web.

    Raises:
        Refused: Runs may not read there.
    """
    url = url.strip()
    if url.lower().startswith(_WEB):
        return _WebManifest(url, store)
    folder, slash, name = url.rpartition("/")
    if not slash or not name:
        raise _refused(LOC, url, "is no address of a file; give an absolute path or a URL")
    return _PlacedManifest(store.place(folder or "/", loc=LOC), name, store)


class _PlacedManifest:
    """A manifest in a folder or a bucket."""

    def __init__(self, place: Place, name: str, store: MediaStore) -> None:
        self._place = place
        self._name = name
        self._store = store
        self._kept: dict[str, Medium] = {}

    def content(self) -> bytes:
        address = self._place.address(self._name)
        found = self._place.find(self._name)
        if found is None:
            raise _refused(LOC, address, "is not there; check the address")
        if found.size > MAX_MANIFEST_BYTES:
            raise _too_large(address)
        return self._place.read(self._name) or b""

    def medium(self, name: str, *, loc: Loc, max_bytes: int) -> Medium:
        name = posixpath.normpath(name)
        if name not in self._kept:
            self._kept[name] = self._keep(name, loc, max_bytes)
        return self._kept[name]

    def _keep(self, name: str, loc: Loc, max_bytes: int) -> Medium:
        found = self._place.find(name)
        if found is None:
            raise Refused.because(
                loc,
                f"there is no file {shortened(name)} below the manifest's folder; put it there, "
                "or give a URL",
                type="file_download_error",
                input=name,
            )
        limits = self._store.limits.model_copy(update={"max_bytes": max_bytes})
        errand = Errand.start(name, loc=loc, limits=limits)
        with scratch() as folder:
            file = folder / "medium"
            with intake(file, errand) as copy:
                copy.expect(found.size)
                for chunk in self._place.chunks(name):
                    copy.write(chunk)
                digest = copy.fetched("").sha256
            return Medium(url=self._publish(file, digest, name), identity=digest)

    def _publish(self, file: Path, digest: str, name: str) -> str:
        """Put a medium among the store's inputs, unless it is there."""
        key = f"inputs/{digest}{Path(name).suffix.lower()}"
        there = self._store.own_place(OUTPUTS).find(key)
        if there is None or there.size != file.stat().st_size:
            content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
            self._store.publish(file, name=key, content_type=content_type, loc=LOC)
        return self._store.own_address(f"{OUTPUTS}/{key}")


class _WebManifest:
    """A manifest that a web server or a data URI gives."""

    def __init__(self, url: str, store: MediaStore) -> None:
        self._url = url
        self._store = store

    def content(self) -> bytes:
        with scratch() as folder:
            file = folder / "manifest"
            fetched = self._store.fetch(self._url, file, loc=LOC)
            if fetched.size > MAX_MANIFEST_BYTES:
                raise _too_large(self._url)
            return file.read_bytes()

    def medium(self, name: str, *, loc: Loc, max_bytes: int) -> Medium:  # noqa: ARG002
        inside = posixpath.normpath(name)
        if self._url.lower().startswith("data:") or inside.startswith((".", "/")):
            raise _refused(loc, name, "is not below the manifest's folder; give a URL")
        parts = urlsplit(self._url)
        base = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
        url = urljoin(base, quote(f"./{inside}"))
        return Medium(url=url, identity=url)


def is_relative(name: str) -> bool:
    """Say whether a row's medium is named by a path and not by a URL."""
    return "://" not in name and not name.lower().startswith("data:")


def _too_large(address: str) -> Refused:
    said = f"is larger than {MAX_MANIFEST_BYTES} bytes; split it, and name media by URL"
    return _refused(LOC, address, said)


def _refused(loc: Loc, named: str, said: str) -> Refused:
    return Refused.because(loc, f"{shortened(named)} {said}", type="file_download_error")
