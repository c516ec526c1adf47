"""Why a clip is refused, in words for whoever sent it."""

from __future__ import annotations

import re
from fractions import Fraction

from ltxv.errors import Loc, Refused
from ltxv.media.content import MAX_TRACKS, unreadable
from ltxv.media.limits import MediaLimits, check_size

_TOO_LARGE = "exceeds specified max pixel count"
_SAID = 200
_SPLIT = re.compile(r"; |\n")
_SPEAKER = re.compile(r"\[[^]]* @ 0x[0-9a-f]+\]")
_ABOUT_ITSELF = ("Task finished", "Terminating thread", "Error ", "Last message repeated")


def check_frame(width: int, height: int, limits: MediaLimits, loc: Loc) -> None:
    """Refuse frames that are too large or too small.

    Raises:
        Refused: They are.
    """
    check_size(width, height, most=limits.max_clip_pixels, limits=limits, loc=loc)


def check_frames(frames: int, limits: MediaLimits, loc: Loc) -> None:
    """Refuse a clip with no frames, or with too many.

    Raises:
        Refused: It is one.
    """
    if not frames:
        raise unusable(loc, "no frame of it can be decoded")
    if frames > limits.max_frames:
        raise Refused.because(
            loc,
            f"has more than {limits.max_frames} frames; send a shorter clip",
            type="video_duration_too_long",
            max_frames=limits.max_frames,
        )


def check_seconds(seconds: Fraction, limits: MediaLimits, loc: Loc) -> None:
    """Refuse a clip that lasts too long.

    Raises:
        Refused: It does.
    """
    if seconds > limits.max_seconds:
        raise Refused.because(
            loc,
            f"lasts {float(seconds):.1f} seconds; at most {limits.max_seconds:g} are allowed. "
            "Send a shorter clip",
            type="video_duration_too_long",
            max_duration=limits.max_seconds,
        )


def too_slow(loc: Loc, seconds: float) -> Refused:
    """Return the refusal of a clip that was not decoded in time."""
    return Refused.because(
        loc,
        f"takes more than {seconds:g} seconds to decode; send a shorter or smaller clip",
        type="video_duration_too_long",
    )


def failure(said: str, limits: MediaLimits, loc: Loc) -> Refused:
    """Return the refusal of a clip of which ffmpeg or ffprobe said why it cannot read it."""
    if _TOO_LARGE in said:
        most = limits.max_clip_pixels
        return Refused.because(
            loc,
            f"has frames of more than {most:,} pixels. Send a smaller version",
            type="image_too_large",
            max_resolution=most,
        )
    return unusable(loc, _reason(said))


def unusable(loc: Loc, reason: str) -> Refused:
    """Return the refusal of a clip that nothing can be made of."""
    # The endpoint has image_load_error but nothing of the kind for clips. file_download_error is
    # for what never arrived whole; this did, and another file is the only remedy.
    return Refused.because(
        loc,
        f"is a clip that cannot be used: {reason}; send it again, whole, as an H.264 MP4",
        type=unreadable("video"),
    )


def _reason(said: str) -> str:
    """Return the first thing that ffmpeg said of the clip, without paths and addresses."""
    if "exceeds max_streams" in said:
        return f"it has more than {MAX_TRACKS} tracks"
    if "not on whitelist" in said:
        return "its codec is not supported; H.264, HEVC, VP9 and AV1 are"
    for line in _SPLIT.split(said):
        text = _SPEAKER.sub("", line).strip()
        if text and not text.startswith(_ABOUT_ITSELF) and "file:" not in text:
            return f"it is damaged or cut off ({text[:_SAID]})"
    return "it cannot be decoded"
