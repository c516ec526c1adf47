"""What a stranger's picture or clip is, or why it is refused."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from ltxv.errors import Loc, Misconfigured, Refused
from ltxv.frozen import Frozen
from ltxv.media.clip import animation_facts, read_facts
from ltxv.media.content import Content, Kind, content_of
from ltxv.media.limits import DEFAULT_LIMITS, MediaLimits
from ltxv.media.picture import look_at

__all__ = ["MediaLimits", "Probe", "probe"]


class Probe(Frozen):
    """What a file turned out to be."""

    kind: Kind
    content_type: str = Field(description="MIME type decided by content, such as video/mp4.")
    width: int = Field(description="Displayed width in pixels: rotation and pixel shape applied.")
    height: int = Field(description="Displayed height in pixels, rotation applied.")
    rotation: int = Field(description="Degrees, counter-clockwise, that it was turned: 0 to 270.")
    frames: int = Field(description="Number of frames, counted by decoding; 1 for a picture.")
    frame_rate: float = Field(description="Frames per second; 0 for a picture.")
    held: bool = Field(
        default=False,
        description="Whether its frames last unequally long; frames and rate are then those of "
        "the steady clip that shows each for its time.",
    )
    seconds: float = Field(description="Length; 0 for a picture.")


def probe(path: Path, *, loc: Loc, expect: Kind, limits: MediaLimits = DEFAULT_LIMITS) -> Probe:
    """Find out what a file is, by its content, and decode it once to know that it is whole.

    Args:
        path: A file of a stranger; its name says nothing.
        loc: Field of the request, for errors.
        expect: What the request says it is. A GIF is either.
        limits: What is accepted.

    Raises:
        Refused: It is not of that kind or not supported, damaged or cut off, too large, too
            small, or too long.
        Misconfigured: ffmpeg or ffprobe does not run, the disk is full, or the file is gone.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise Misconfigured(f"{path.name} cannot be read: {error.strerror}; fetch it again") from (
            error
        )
    if size > limits.max_bytes:
        raise Refused.because(
            loc,
            f"is {size:,} bytes; at most {limits.max_bytes:,} are allowed. Send a smaller file",
            type="file_too_large",
            max_size=limits.max_bytes,
        )
    content = content_of(path, expect=expect, loc=loc)
    found = _picture if content.kind == "image" else _clip
    return found(path, content, limits, loc)


def _picture(path: Path, content: Content, limits: MediaLimits, loc: Loc) -> Probe:
    width, height, rotation = look_at(path, content, limits=limits, loc=loc)
    return Probe(
        kind="image",
        content_type=content.content_type,
        width=width,
        height=height,
        rotation=rotation,
        frames=1,
        frame_rate=0,
        seconds=0,
    )


def _clip(path: Path, content: Content, limits: MediaLimits, loc: Loc) -> Probe:
    read = animation_facts if content.by_pillow else read_facts
    facts = read(path, content, limits=limits, loc=loc)
    frames, rate = facts.timing.frames, float(facts.timing.rate)
    return Probe(
        kind="video",
        content_type=content.content_type,
        width=facts.width,
        height=facts.height,
        rotation=facts.rotation,
        frames=frames,
        frame_rate=rate,
        held=facts.timing.held,
        seconds=frames / rate,
    )
