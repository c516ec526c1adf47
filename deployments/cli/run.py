"""One run of the flow for a terminal."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from blocks.local_media import with_local_media
from blocks.media_store import MediaStore
from blocks.saved import DEFAULT, saved
from deployments.cli.server import reach_server
from deployments.cli.watch import Terminal
from ltxv.errors import Misconfigured
from ltxv.media.write import VideoQuality
from ltxv.request import VideoRequest
from ltxv.result import VideoResult
from ltxv.unsupported import refuse_unsupported
from tasks.ledger import watched_by


def run(
    request: VideoRequest,
    *,
    model: str,
    store: str,
    safety: str,
    credentials: str = DEFAULT,
    beside: Path,
    quality: VideoQuality = "high",
    output: Path | None = None,
) -> VideoResult:
    """Generate the video in this process, with local files allowed, and show it going on.

    Args:
        request: What to generate.
        model: Name of the model block.
        store: Name of the store block.
        safety: Name of the safety checker block.
        credentials: Name of the content credentials block.
        beside: Folder that relative paths in the request start from.
        quality: How much detail the mp4 keeps.
        output: Where to copy the finished mp4.
    """
    refuse_unsupported(request)
    target = None if output is None else _checked(output)
    terminal = Terminal()
    terminal.say("Reaching the Prefect server (without PREFECT_API_URL one is started here) …")
    reach_server()
    from flows.generate import generate_video  # noqa: PLC0415 - after the first line is shown

    kept = saved(MediaStore, store)
    request = with_local_media(request, kept, beside=beside)
    with watched_by(terminal):
        result = generate_video(
            request,
            model=model,
            store=store,
            safety=safety,
            quality=quality,
            credentials=credentials,
        )
    if target is not None:
        _copy(result, kept, target)
        terminal.say(f"Wrote {target}")
    return result


def _checked(output: Path) -> Path:
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


def _copy(result: VideoResult, store: MediaStore, target: Path) -> None:
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".ltx-") as folder:
            file = Path(folder) / "video.mp4"
            store.fetch(result.video.url, file, loc=("video", "url"))
            file.replace(target)
    except OSError as error:
        raise Misconfigured(
            f"{target} cannot be written: {error.strerror}; the video is at {result.video.url}"
        ) from error
