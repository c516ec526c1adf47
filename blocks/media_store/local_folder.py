"""A store in a folder of this machine, or one that several machines mount."""

from __future__ import annotations

import errno
import mimetypes
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from blocks.media_store.addresses import key_below, path_of, url_below
from blocks.media_store.backend import CHUNK, Entry, Found, Write
from blocks.media_store.disk_faults import disk_faults
from blocks.media_store.keys import OUTPUTS

_TRIES = 10
_CLOCK_SECONDS = 2
"""Two writes this close to each other could get the same time on some file system."""


class LocalFolder:
    """Keep every file below ``root``, which is made when it is first written to."""

    def __init__(self, root: Path, *, public_base_url: str | None) -> None:
        self._root = root
        self._public_base_url = public_base_url

    def find(self, key: str) -> Found | None:
        """Say what is known of a file; ``None`` if there is none."""
        path = self.path(key)
        with disk_faults(self._root):
            if not path.is_file():
                self._check_root()
                return None
            about = path.stat()
        content_type = mimetypes.guess_type(path.name)[0] or ""
        return Found(about.st_size, content_type, about.st_mtime, _stamp(about))

    def _check_root(self) -> None:
        """Tell a store that has become something else from one that has not the file."""
        if self._root.exists() and not self._root.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(self._root))

    def read(self, key: str) -> bytes:
        """Return the bytes of a small file; ``FileNotFoundError`` if there is none."""
        return b"".join(self.chunks(key))

    def chunks(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes of a file, or some; ``FileNotFoundError`` if there is none."""
        with disk_faults(self._root):
            file = _opened(self.path(key))
        if file is None:
            raise FileNotFoundError(key)
        with disk_faults(self._root), file:
            file.seek(start)
            left = CHUNK if stop is None else stop - start
            while chunk := file.read(min(CHUNK, left)):
                left -= len(chunk) if stop is not None else 0
                yield chunk

    def write(self, key: str, source: bytes | Path, *, content_type: str) -> None:  # noqa: ARG002
        """Put a finished file in place at once; its type shows in its suffix only."""
        path = self.path(key)
        unfinished = path.with_name(f".{uuid.uuid4().hex}.part")
        with disk_faults(self._root):
            try:
                _copy(source, unfinished)
                unfinished.replace(path)
                _flush_folder(path.parent)
            finally:
                unfinished.unlink(missing_ok=True)

    @contextmanager
    def writing(self, key: str, *, content_type: str) -> Iterator[Write]:  # noqa: ARG002
        """Give a function that takes a file's bytes; it is in place once the context ends well."""
        path = self.path(key)
        unfinished = path.with_name(f".{uuid.uuid4().hex}.part")
        with disk_faults(self._root):
            file = _new(unfinished)

        def write(content: bytes) -> None:
            with disk_faults(self._root):
                file.write(content)

        try:
            with file:
                yield write
                with disk_faults(self._root):
                    _flush(file)
            with disk_faults(self._root):
                unfinished.replace(path)
                _flush_folder(path.parent)
        except BaseException:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            self._remove_empty_folders(path)
            raise

    def create(self, key: str, content: bytes) -> bool:
        """Keep bytes if there is no such file; readers may see it empty for a moment."""
        with disk_faults(self._root):
            try:
                file = _new(self.path(key))
            except FileExistsError:
                return False
            with file:
                file.write(content)
        return True

    def remove(self, key: str) -> None:
        """Remove a file, and the folders below the root that are empty without it."""
        path = self.path(key)
        with disk_faults(self._root):
            path.unlink(missing_ok=True)
        self._remove_empty_folders(path)

    def entries(self, folder: str = "") -> Iterator[Entry]:
        """Yield every file below the root, or below a folder; links are not followed."""
        with disk_faults(self._root):
            for where, _, names in os.walk(self.path(folder)):
                for path in (Path(where, name) for name in names):
                    with suppress(FileNotFoundError):
                        about = path.lstat()
                        key = path.relative_to(self._root).as_posix()
                        used = max(about.st_mtime, about.st_atime)
                        yield Entry(key, about.st_size, modified=about.st_mtime, used=used)

    def touch(self, key: str) -> None:
        """Set a file's time of access, which nothing else here does."""
        path = self.path(key)
        with suppress(OSError):
            os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))

    def path(self, key: str) -> Path:
        """Return the file itself."""
        return self._root / key

    def url(self, key: str) -> str:
        """Return an address below the public base, or else a ``file://`` one."""
        if self._public_base_url:
            return url_below(self._public_base_url, key)
        return self.path(key).as_uri()

    def key_of(self, url: str) -> str | None:
        """Return the key of a finished file, named by its URL or by its path on this machine.

        Only finished files: whoever may name a local path has not thereby been let into the
        folders of what others sent.
        """
        key = key_below(url, self._public_base_url) or self._key_of_path(path_of(url))
        return key if key and key.startswith(f"{OUTPUTS}/") else None

    def _remove_empty_folders(self, path: Path) -> None:
        """Remove the folders below the root that a file was the last in."""
        with suppress(OSError):  # not empty
            for folder in path.relative_to(self._root).parents[:-1]:
                (self._root / folder).rmdir()

    def _key_of_path(self, path: Path | None) -> str | None:
        if path is None:
            return None
        try:
            return path.resolve().relative_to(self._root).as_posix()
        except (OSError, RuntimeError, ValueError):  # a loop of links, a null byte, elsewhere
            return None


def _stamp(about: os.stat_result) -> str:
    """Return what every write changes; nothing where a write now could still go unseen."""
    if time.time() - about.st_ctime < _CLOCK_SECONDS:
        return ""
    return f"{about.st_dev} {about.st_ino} {about.st_mtime_ns} {about.st_ctime_ns}"


def _opened(path: Path) -> BinaryIO | None:
    try:
        return os.fdopen(_unnoticed(path), "rb")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None


def _unnoticed(path: Path) -> int:
    """Open a file without changing its time of access, which says when a stage last used it."""
    try:
        return os.open(path, os.O_RDONLY | getattr(os, "O_NOATIME", 0))
    except PermissionError:  # somebody else's file
        return os.open(path, os.O_RDONLY)


def _new(path: Path) -> BinaryIO:
    """Create a file and the folder it is in, which whoever empties it may be removing."""
    for _ in range(_TRIES):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("xb")
        except FileNotFoundError:
            continue
    return path.open("xb")


def _copy(source: bytes | Path, target: Path) -> None:
    with _new(target) as file:
        if isinstance(source, bytes):
            file.write(source)
        else:
            with source.open("rb") as original:
                shutil.copyfileobj(original, file, CHUNK)
        _flush(file)


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Make the new name last: a file is safe from a power cut only once its folder is."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # the file was removed since, and its folder as an empty one
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
