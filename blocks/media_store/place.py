"""A folder in a store or elsewhere, and who may have one: batches read and write in such places.

A run may use the store's own files and what the operator lists in the store's ``places``. A program
or a command that works for the user of this machine may use any, see ``anywhere``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

from blocks.media_store.addresses import path_of
from blocks.media_store.backend import Backend, Found
from blocks.media_store.keys import OUTPUTS, PRIVATE, is_key
from blocks.media_store.local_folder import LocalFolder
from blocks.media_store.remote_folder import RemoteFolder
from ltxv.errors import Loc, Refused, shortened

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://[^/]")
_ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\\?#@]|::|(^|/)\.\.?(/|$)")
_WEB = ("http", "https")
"""These are read through the guarded door to the network alone, and never written to."""

_ANYWHERE: ContextVar[bool] = ContextVar("anywhere", default=False)


@contextmanager
def anywhere() -> Iterator[None]:
    """Let flows called inside use any place that this process can reach, local files included."""
    token = _ANYWHERE.set(True)
    try:
        yield
    finally:
        _ANYWHERE.reset(token)


class Place:
    """A folder; names of its files are relative paths that stay inside it."""

    def __init__(self, backend: Backend, prefix: str, address: str) -> None:
        self._backend = backend
        self._prefix = prefix
        self._address = address.rstrip("/")

    def find(self, name: str) -> Found | None:
        """Say what is known of a file; None if there is none inside the folder."""
        key = self._key(name)
        return None if key is None else self._backend.find(key)

    def chunks(self, name: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes of a file, or those from ``start`` up to ``stop``.

        Raises:
            FileNotFoundError: There is none.
        """
        key = self._key(name)
        if key is None:
            raise FileNotFoundError(name)
        return self._backend.chunks(key, start, stop)

    def read(self, name: str) -> bytes | None:
        """Return all of a small file; None if there is none."""
        try:
            return b"".join(self.chunks(name))
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes, *, content_type: str = "application/json") -> None:
        """Keep a file, in place of one that is there.

        Raises:
            ValueError: The name leaves the folder.
        """
        key = self._key(name)
        if key is None:
            raise ValueError(f"{name!r} is no name of a file in {self._address}")
        self._backend.write(key, content, content_type=content_type)

    def address(self, name: str) -> str:
        """Return the lasting address of a file."""
        return f"{self._address}/{name}"

    def _key(self, name: str) -> str | None:
        """Return the key of a file; None if it is hidden, or outside, by its name or by a link."""
        inside = posixpath.normpath(name)
        if not is_key(inside):
            return None
        key = f"{self._prefix}{inside}"
        path = self._backend.path(key)
        if path is None:
            return key
        folder = self._backend.path(self._prefix.rstrip("/") or ".")
        try:
            path.resolve().relative_to(folder.resolve() if folder else path)
        except (OSError, RuntimeError, ValueError):
            return None
        return key


class Landlord(NamedTuple):
    """What of a store decides where its runs may read and write."""

    root: str
    """A folder, resolved, or ``s3://bucket/prefix``."""
    own: Backend
    places: Sequence[str]
    bucket: Callable[[str], Backend]
    """Opens another bucket or prefix with the store's credentials."""


def place_at(folder: str, landlord: Landlord, *, loc: Loc, to_write: bool) -> Place:
    """Return the folder at an address, if runs may use it.

    Raises:
        Refused: It is no address of a folder, or the operator has not opened it.
    """
    path = _path_of(folder)
    where = _normal(folder, path, loc)
    own = _below(where, landlord.root)
    if own is not None:
        top = own.partition("/")[0]
        if top == OUTPUTS or (not to_write and top not in PRIVATE and path is None):
            return Place(landlord.own, f"{own}/", where)
        raise _refused(loc, folder, f"in the store, use a folder below {OUTPUTS}/")
    open_to_all = any(
        _below(where, _normal(known, _path_of(known), loc)) is not None for known in landlord.places
    )
    if not open_to_all and not _ANYWHERE.get():
        raise _refused(
            loc,
            folder,
            "runs may not use it; use the store's own address, or add it to the "
            "`places` of the store's block",
        )
    if path is not None:
        return Place(LocalFolder(Path(where), public_base_url=None), "", where)
    opened = landlord.bucket(where) if where.startswith("s3://") else RemoteFolder(where)
    return Place(opened, "", where)


def check_place(folder: str) -> str:
    """Return what an operator lists among the places of a store.

    Raises:
        ValueError: It is no address that a folder can have.
    """
    try:
        _normal(folder, _path_of(folder), ())
    except Refused as refused:
        raise ValueError(str(refused)) from refused
    return folder


def _path_of(folder: str) -> Path | None:
    return path_of(folder) if "://" not in folder or folder.startswith("file://") else None


def _normal(folder: str, path: Path | None, loc: Loc) -> str:
    """Return an address in the one form that addresses are compared in."""
    if path is not None:
        try:
            return str(path.resolve())
        except (OSError, RuntimeError) as error:
            raise _refused(loc, folder, "it cannot be opened; check the path") from error
    scheme = _SCHEME.match(folder)
    if scheme is None or scheme[1] in _WEB or _ODD.search(folder):
        raise _refused(
            loc,
            folder,
            "give an absolute path, or an address such as s3://bucket/folder without "
            "user, query or dots",
        )
    return folder.rstrip("/")


def _below(where: str, root: str) -> str | None:
    """Return what of ``where`` is below ``root``, empty for the root itself."""
    root = root.rstrip("/")
    if where == root:
        return ""
    return where[len(root) + 1 :] if where.startswith(f"{root}/") else None


def _refused(loc: Loc, folder: str, said: str) -> Refused:
    return Refused.because(
        loc, f"{shortened(folder)} cannot be used: {said}", type="value_error", input=folder
    )
