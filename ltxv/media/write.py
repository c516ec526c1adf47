"""Frames into an mp4 that plays everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Literal

import ffmpeg

from ltxv.engine import Frames
from ltxv.errors import Misconfigured
from ltxv.media.ffmpeg_run import FfmpegFailed, run_ffmpeg

VideoQuality = Literal["low", "medium", "high", "maximum"]

_CRF: Mapping[VideoQuality, int] = {"low": 28, "medium": 23, "high": 18, "maximum": 12}
_PRESET = "veryfast"
# x264's output depends on how many threads it has; a fixed number gives the same file everywhere.
_THREADS = 4
_SECONDS = 3600.0
_RGB_DIMENSIONS = 4


def write_video(
    frames: Frames,
    target: Path,
    *,
    frame_rate: float | Fraction,
    quality: VideoQuality = "high",
    title: str = "",
    comment: str = "",
) -> None:
    """Write H.264 in yuv420p, BT.709 and tagged so, with its index at the front.

    Args:
        frames: (frames, height, width, 3), uint8, RGB; both sides even.
        target: The file; it is there whole or not at all.
        frame_rate: Frames per second; a fraction, such as 30000/1001, is kept exact.
        quality: x264's CRF: low 28, medium 23, high 18, maximum 12.
        title: Tag of the file.
        comment: Tag of the file, for what made it.

    Raises:
        Misconfigured: The frames cannot be a video, or the disk is full.
    """
    _check(frames)
    _, height, width, _ = frames.shape
    unfinished = target.with_name(f".{target.name}.part")
    raw = ffmpeg.input(
        "pipe:",
        format="rawvideo",
        pix_fmt="rgb24",
        s=f"{width}x{height}",
        framerate=str(frame_rate),
    )
    converted = raw.filter("scale", out_color_matrix="bt709", out_range="tv", flags="accurate_rnd")
    tagged = converted.filter(
        "setparams", color_primaries="bt709", color_trc="bt709", colorspace="bt709", range="tv"
    )
    output = tagged.output(
        f"file:{unfinished}",
        format="mp4",
        vcodec="libx264",
        pix_fmt="yuv420p",
        preset=_PRESET,
        crf=_CRF[quality],
        threads=_THREADS,
        movflags="+faststart",
        # Two spellings of one option, because ffmpeg-python gives each option once.
        **{"metadata": f"title={title}", "metadata:g": f"comment={comment}"},
    )
    try:
        run_ffmpeg(output, stdin=_bytes(frames), timeout_seconds=_SECONDS)
        unfinished.replace(target)
    except FfmpegFailed as error:
        remedy = "free some space" if error.disk_full else "see what ffmpeg says"
        raise Misconfigured(f"the video cannot be written: {error.said}; {remedy}") from error
    except OSError as error:
        raise Misconfigured(
            f"the video cannot be written to {target.parent}: {error.strerror}; "
            "free some space or choose another folder"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _check(frames: Frames) -> None:
    if frames.ndim != _RGB_DIMENSIONS or not len(frames):
        raise Misconfigured(f"frames of shape {frames.shape} are no video")
    _, height, width, _ = frames.shape
    if width % 2 or height % 2:
        raise Misconfigured(f"a video of {width}x{height} cannot be written; both must be even")


def _bytes(frames: Frames) -> Iterator[bytes]:
    for frame in frames:
        yield frame.tobytes()
