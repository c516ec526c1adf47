"""Conditioning media prepared as the model's training data were: cropped, blurred, compressed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ffmpeg

from ltxv.errors import Loc, Misconfigured, Refused
from ltxv.media.compress_filters import prepared, timed, written
from ltxv.media.compress_work import CompressWork
from ltxv.media.content import content_of, reading, unreadable
from ltxv.media.ffmpeg_run import FfmpegFailed, run_ffmpeg
from ltxv.media.header import Unreadable
from ltxv.media.limits import DEFAULT_LIMITS
from ltxv.media.picture import Animation, Picture, Shown, shown
from ltxv.media.screen import on_screen
from ltxv.scratch import scratch

_SECONDS = 900.0


def compress(source: Path, target: Path, work: CompressWork, *, loc: Loc) -> None:
    """Trim, reverse, resample, crop, blur and compress one picture or clip.

    The scale of the pixels stays the source's; each pass resizes for itself.

    Args:
        source: A file of a stranger that ``probe`` has let pass.
        target: A Matroska file of exactly ``work.frames`` frames; it is there whole or not at all.
        work: What is done.
        loc: Field of the request, for errors.

    Raises:
        Refused: It cannot be decoded, or has fewer frames than the work needs.
        Misconfigured: The target cannot be written, or there is no ffmpeg that runs.
    """
    unfinished = target.with_name(f".{target.name}.part")
    try:
        # Before ffmpeg, whose complaint about a folder would be taken for one about the medium.
        unfinished.touch()
        _make(source, unfinished, work, loc)
        unfinished.replace(target)
    except OSError as error:
        raise Misconfigured(
            f"conditioning media cannot be written to {target.parent}: {error.strerror}; "
            "free some space or choose another folder"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _make(source: Path, target: Path, work: CompressWork, loc: Loc) -> None:
    content = content_of(source, expect=work.kind, loc=loc)
    if content.by_pillow:
        with shown(source, content, limits=DEFAULT_LIMITS, loc=loc) as told:
            _run(_piped(told.facts, work), target, work, stdin=_ticks(told, work), loc=loc)
        return
    options = reading(content, max_pixels=DEFAULT_LIMITS.max_clip_pixels)
    try:
        stream = on_screen(source, options)
    except Unreadable as error:
        raise _failure(FfmpegFailed(error.said, timed_out=error.timed_out), work, loc) from error
    _run(timed(stream, work), target, work, loc=loc)


def _piped(facts: Picture | Animation, work: CompressWork) -> Any:
    """Return the stream of pixels that is fed to ffmpeg."""
    size = f"{facts.width}x{facts.height}"
    rate = {"framerate": work.source_frame_rate} if work.kind == "video" else {}
    stream = ffmpeg.input("pipe:", f="rawvideo", pix_fmt="rgb24", s=size, **rate)
    stream = stream.filter("format", "gbrp")
    return stream if work.kind == "image" else timed(stream, work)


def _ticks(told: Shown, work: CompressWork) -> Iterator[bytes]:
    """Return a picture's pixels, or those to be seen at each tick of an animation."""
    facts = told.facts
    size = facts.width * facts.height * 3
    if isinstance(facts, Picture):
        yield told.pixels.read(size)
        return
    ended, sent = 0.0, 0
    for duration in facts.durations:
        frame = told.pixels.read(size)
        ended += duration / 1000 * work.source_frame_rate
        yield from [frame] * (round(ended) - sent)
        sent = round(ended)


def _run(
    stream: Any,
    target: Path,
    work: CompressWork,
    *,
    loc: Loc,
    stdin: Iterator[bytes] | None = None,
) -> None:
    with scratch() as folder:
        progress = folder / "progress"
        try:
            run_ffmpeg(
                written(prepared(stream, work), target, work).global_args(
                    "-progress", f"file:{progress}"
                ),
                stdin=stdin,
                timeout_seconds=_SECONDS,
            )
        except FfmpegFailed as error:
            raise _failure(error, work, loc) from error
        _check_count(progress, work, loc)


def _check_count(progress: Path, work: CompressWork, loc: Loc) -> None:
    counts = [
        int(line.removeprefix("frame="))
        for line in progress.read_text().splitlines()
        if line.startswith("frame=")
    ]
    made = counts[-1] if counts else 0
    if made != work.frames:
        raise Refused.because(
            loc,
            f"gives {made} frames where {work.frames} are needed; send a longer or a whole clip",
            type="video_duration_too_short",
            min_frames=work.frames,
        )


def _failure(error: FfmpegFailed, work: CompressWork, loc: Loc) -> Exception:
    if error.disk_full:
        return Misconfigured(
            f"conditioning media cannot be prepared: {error.said}; free some space"
        )
    # ffmpeg's own words have paths and whole graphs in them; they stay with the cause.
    reason = f"was {error.said}" if error.timed_out else "failed while its frames were read"
    return Refused.because(
        loc,
        f"cannot be prepared: the work {reason}; send it as PNG or as an H.264 MP4",
        type=unreadable(work.kind),
    )
