"""A stranger's clip, decoded once from end to end within limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any

import ffmpeg

from ltxv.errors import Loc, Misconfigured
from ltxv.media.clip_refusals import (
    check_frame,
    check_frames,
    check_seconds,
    failure,
    too_slow,
    unusable,
)
from ltxv.media.content import Content, reading
from ltxv.media.ffmpeg_run import FfmpegFailed, run_ffmpeg
from ltxv.media.header import SECONDS, Unreadable, read_header
from ltxv.media.limits import MediaLimits
from ltxv.media.listing import Listing, fraction
from ltxv.media.picture import Picture, look_at
from ltxv.media.timing import Timing, timing
from ltxv.media.wholeness import is_cut_short
from ltxv.scratch import scratch

_DECODER_THREADS = 2
_QUARTER = 90
_FIELDS = "stream=width,height,avg_frame_rate,duration:stream_side_data=rotation:format=duration"


@dataclass(frozen=True)
class ClipFacts:
    """What decoding a clip gave.

    Attributes:
        width: As displayed, in pixels: rotation, cropping and the shape of the pixels applied.
        height: As displayed, in pixels.
        rotation: By how many degrees, counter-clockwise, it was turned for that.
        timing: Its own frames, none dropped or repeated, if they last equally long; else those at
            a steady rate.
    """

    width: int
    height: int
    rotation: int
    timing: Timing


def read_facts(path: Path, content: Content, *, limits: MediaLimits, loc: Loc) -> ClipFacts:
    """Return what is known of a clip once every frame of it was decoded.

    ffprobe reads the header first: what is plainly too large or too long costs nothing. ffmpeg
    decodes, since it is ffmpeg that will prepare the clip, and ffprobe may know fewer codecs.

    Raises:
        Refused: It is damaged, cut off, too large, too small or too long.
        Misconfigured: ffmpeg or ffprobe does not run, or the disk is full.
    """
    header = _header(path, content, limits=limits, loc=loc)
    streams = header.get("streams")
    if not streams:
        raise unusable(loc, "it has no moving picture")
    stream = streams[0]
    width, height = int(stream.get("width", 0)), int(stream.get("height", 0))
    if not (width and height):
        raise unusable(loc, "its frames have no size, or one that no decoder takes")
    check_frame(width, height, limits, loc)
    length = stream.get("duration") or header.get("format", {}).get("duration") or "0"
    check_seconds(Fraction(length), limits, loc)
    if is_cut_short(path, content):
        raise unusable(loc, "it ends too soon")
    listing = Listing(_decode(path, content, limits=limits, loc=loc))
    check_frames(len(listing.starts), limits, loc)
    check_seconds(listing.starts[-1] - listing.starts[0] + listing.last, limits, loc)
    check_frame(listing.width, listing.height, limits, loc)
    stated = fraction(stream.get("avg_frame_rate", ""))
    found = timing(
        listing.starts, last=listing.last, stated=stated, animated=content.reader == "gif"
    )
    if not found.rate:
        raise unusable(loc, "all of its frames are at the same time")
    return ClipFacts(
        width=listing.width,
        height=listing.height,
        rotation=_rotation(stream.get("side_data_list", ())),
        timing=found,
    )


def animation_facts(path: Path, content: Content, *, limits: MediaLimits, loc: Loc) -> ClipFacts:
    """Return what is known of an animation that Pillow reads, once every frame was decoded.

    Raises:
        Refused: It is damaged, cut off, too large, too small or too long.
        Misconfigured: No process can be started.
    """
    found = look_at(path, content, limits=limits, loc=loc)
    if isinstance(found, Picture):
        raise unusable(loc, "it has no moving picture")
    lasting = [Fraction(duration, 1000) for duration in found.durations]
    check_seconds(sum(lasting, Fraction(0)), limits, loc)
    starts = list(accumulate(lasting[:-1], initial=Fraction(0)))
    return ClipFacts(
        width=found.width,
        height=found.height,
        rotation=0,
        timing=timing(starts, last=lasting[-1], stated=Fraction(0), animated=True),
    )


def _header(path: Path, content: Content, *, limits: MediaLimits, loc: Loc) -> dict[str, Any]:
    options = reading(content, max_pixels=limits.max_clip_pixels)
    try:
        return read_header(path, show=_FIELDS, reading=options)
    except Unreadable as error:
        if error.timed_out:
            raise too_slow(loc, SECONDS) from error
        raise failure(error.said, limits, loc) from error


def _decode(path: Path, content: Content, *, limits: MediaLimits, loc: Loc) -> str:
    """Return ffmpeg's list of the frames it decoded, at most one more than is allowed."""
    source = ffmpeg.input(
        f"file:{path.absolute()}",
        **reading(content, max_pixels=limits.max_clip_pixels),
        threads=_DECODER_THREADS,
    )
    with scratch() as folder:
        listed = folder / "frames"
        # A frame that is only wrapped is neither copied nor read; checksums are of no use here.
        node = source["V:0"].output(
            f"file:{listed}",
            format="framecrc",
            vcodec="wrapped_avframe",
            fps_mode="passthrough",
            # Fine enough for any clip; left out, times are rounded to the rate that it states.
            enc_time_base="1:90000",
            **{"frames:v": limits.max_frames + 1},
        )
        try:
            run_ffmpeg(node.global_args("-xerror"), timeout_seconds=limits.max_decode_seconds)
        except FfmpegFailed as error:
            if error.timed_out:
                raise too_slow(loc, limits.max_decode_seconds) from error
            if error.disk_full:
                raise Misconfigured(f"a clip cannot be read: {error.said}; free some space") from (
                    error
                )
            raise failure(error.said, limits, loc) from error
        return listed.read_text(encoding="utf-8")


def _rotation(side_data: Sequence[dict[str, Any]]) -> int:
    turned = [side["rotation"] for side in side_data if "rotation" in side]
    return round(float(turned[0]) / _QUARTER) * _QUARTER % 360 if turned else 0
