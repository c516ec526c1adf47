"""A disk of a few kilobytes that is really full when it is full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(at: Path, *, kilobytes: int) -> Iterator[Path]:
    """Give a folder on a disk of its own, seen through a process with mounts of its own.

    No right to mount is needed where the kernel lets users have namespaces; elsewhere the test is
    skipped.
    """
    at.mkdir()
    alone = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "-Urm"]
    mount = f'mount -t tmpfs -o size={kilobytes}k none "$0" && echo there && exec sleep 600'
    holder = subprocess.Popen([*alone, "sh", "-c", mount, str(at)], stdout=subprocess.PIPE)
    try:
        if holder.stdout is None or not holder.stdout.readline():
            pytest.skip("this machine lets nobody mount a small disk")
        yield Path(f"/proc/{holder.pid}/root{at}")
    finally:
        holder.kill()
        holder.wait()
