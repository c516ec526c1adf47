"""One run of the flow for a terminal."""

from __future__ import annotations

from pathlib import Path

from blocks.local_media import with_local_media
from blocks.media_store import MediaStore
from blocks.saved import DEFAULT, saved
from deployments.cli.copy_out import checked_target, copy_out
from deployments.cli.server import reach_server_aloud
from deployments.cli.watch import Terminal
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
    expander: str = DEFAULT,
    beside: Path,
    quality: VideoQuality = "high",
    output: Path | None = None,
    refresh: bool = False,
) -> VideoResult:
    """Generate the video in this process, with local files allowed, and show it going on.

    Args:
        request: What to generate.
        model: Name of the model block.
        store: Name of the store block.
        safety: Name of the safety checker block.
        credentials: Name of the content credentials block.
        expander: Name of the prompt expander block.
        beside: Folder that relative paths in the request start from.
        quality: How much detail the mp4 keeps.
        output: Where to copy the finished mp4.
        refresh: Whether to make every stage anew.
    """
    refuse_unsupported(request)
    target = None if output is None else checked_target(output)
    terminal = Terminal()
    reach_server_aloud(terminal.say)
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
            expander=expander,
            refresh=refresh,
        )
    if target is not None:
        copy_out(result, target, store=kept)
        terminal.say(f"Wrote {target}")
    return result
