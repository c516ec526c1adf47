"""A finished video as a file of the user's."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from blocks.media_store import MediaStore
from ltxv.errors import Misconfigured
from ltxv.result import File, VideoResult


def checked_target(output: Path) -> Path:
    """Refuse a place that cannot be written to before anything is paid for.

    Returns:
        The file itself, where ``output`` is a link to it.
    """
    try:
        target = output.expanduser().resolve()
    except (OSError, RuntimeError) as error:
        raise Misconfigured(f"{output} cannot be written: {error}; choose another") from error
    if target.is_dir():
        raise Misconfigured(f"{output} is a folder; name a file, such as {output / 'video.mp4'}")
    if target.exists() and not target.is_file():
        raise Misconfigured(f"{output} is a device or a pipe; name a file, such as video.mp4")
    if not target.parent.is_dir():
        raise Misconfigured(
            f"{output} cannot be written: there is no folder {target.parent}; create it"
        )
    if not os.access(target.parent, os.W_OK):
        raise Misconfigured(
            f"{output} cannot be written: {target.parent} denies it; choose another"
        )
    return target


def copy_out(result: VideoResult, target: Path, *, store: MediaStore) -> None:
    """Copy a finished video to ``target``, whole or not at all.

    Raises:
        Misconfigured: It cannot be written.
    """
    copy_file(result.video, target, store=store)


def copy_file(published: File, target: Path, *, store: MediaStore) -> None:
    """Copy a published file to ``target``, whole or not at all.

    Raises:
        Misconfigured: It cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".ltx-") as folder:
            file = Path(folder) / "copy"
            store.fetch(published.url, file, loc=(published.file_name,))
            file.replace(target)
    except OSError as error:
        raise Misconfigured(
            f"{target} cannot be written: {error.strerror}; the file is at {published.url}"
        ) from error
