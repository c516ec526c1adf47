"""Folders that are gone with the work they were made for, however that ends."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ltxv.errors import Misconfigured

_PREFIX = "ltx-scratch-"
_TRIES = 100


@contextmanager
def scratch() -> Iterator[Path]:
    """Give an empty folder that is gone afterwards; ``TMPDIR`` says on which disk.

    What killed processes left on that disk goes first. Each folder is locked by the process that
    works in it, and the kernel takes the lock away with the process: no folder of a live one can be
    mistaken for a dead one's, whatever became of numbers of processes, in other containers as well.

    Raises:
        Misconfigured: There is no room for one.
    """
    try:
        root = Path(tempfile.gettempdir())
        _remove_left(root)
        folder, lock = _locked(root)
    except OSError as error:
        raise Misconfigured(
            f"no temporary folder can be made: {error.strerror}; free some space, or set TMPDIR to "
            "a folder that can be written to"
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _locked(root: Path) -> tuple[Path, int]:
    """Make a folder and lock it, before anybody takes it for one that was left."""
    for _ in range(_TRIES):
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
        try:
            lock = _opened(folder)
        except FileNotFoundError:  # taken for one that was left
            continue
        if _lock(lock) is not False and _is_at(folder, lock):
            return folder, lock
        os.close(lock)
    raise FileNotFoundError(0, "others remove it at once", str(root))


def _remove_left(root: Path) -> None:
    for folder in root.glob(f"{_PREFIX}*"):
        try:
            left = _opened(folder)
        except OSError:  # another user's, no folder, or gone since
            continue
        if os.fstat(left).st_uid == os.getuid() and _lock(left):
            shutil.rmtree(folder, ignore_errors=True)
        os.close(left)


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)


def _lock(folder: int) -> bool | None:
    """Lock a folder and say whether that worked; None where the file system has no locks."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_at(folder: Path, opened: int) -> bool:
    try:
        return os.path.samestat(folder.stat(), os.fstat(opened))
    except FileNotFoundError:
        return False
