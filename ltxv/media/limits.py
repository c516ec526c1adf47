"""How large conditioning media may be."""

from __future__ import annotations

from pydantic import Field

from ltxv.errors import Loc, Refused
from ltxv.frozen import Frozen


class MediaLimits(Frozen):
    """Bounds on what strangers send, checked before pictures are decoded."""

    max_bytes: int = Field(default=512 * 2**20, gt=0, description="Largest file in bytes.")
    min_side: int = Field(default=32, gt=0, description="Least width and height in pixels.")
    max_pixels: int = Field(
        default=50_000_000, gt=0, description="Most pixels of a picture; 48-megapixel phones fit."
    )
    max_clip_pixels: int = Field(
        default=4096 * 2304, gt=0, description="Most pixels of a clip's frame; 4K fits."
    )
    max_seconds: float = Field(default=120, gt=0, description="Longest clip in seconds.")
    max_frames: int = Field(default=3600, gt=0, description="Most frames of a clip.")
    max_decode_seconds: float = Field(
        default=180, gt=0, description="How long decoding a clip once may take."
    )


DEFAULT_LIMITS = MediaLimits()


def check_size(width: int, height: int, *, most: int, limits: MediaLimits, loc: Loc) -> None:
    """Refuse a picture or a frame that is too large or too small.

    Args:
        width: In pixels.
        height: In pixels.
        most: Largest number of pixels for this kind of medium.
        limits: Where the least side is.
        loc: Field of the request, for the error.

    Raises:
        Refused: ``image_too_large`` or ``image_too_small``.
    """
    if width * height > most:
        raise Refused.because(
            loc,
            f"is {width}x{height}, {width * height:,} pixels; at most {most:,} are allowed. "
            "Send a smaller version",
            type="image_too_large",
            max_resolution=most,
        )
    least = limits.min_side
    if min(width, height) < least:
        raise Refused.because(
            loc,
            f"is {width}x{height} pixels; each side must be at least {least}. Send a larger "
            "version",
            type="image_too_small",
            min_width=least,
            min_height=least,
        )
