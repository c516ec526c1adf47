"""A clip as a small moving picture that every browser plays inside a page."""

from __future__ import annotations

import io

from PIL import Image

from ltxv.engine import Frames

_PICTURES_PER_SECOND = 12
_QUALITY = 60
_FASTEST = 0


def moving_picture(frames: Frames, *, frame_rate: float, width: int = 320) -> bytes:
    """Return an animated WebP of a clip, endlessly repeated.

    Args:
        frames: (frames, height, width, 3), uint8, RGB.
        frame_rate: Frames per second of the clip; at most 12 of them are kept.
        width: Width in pixels; smaller clips are left as they are.
    """
    step = max(1, round(frame_rate / _PICTURES_PER_SECOND))
    _, height, wide, _ = frames.shape
    width = min(width, wide)
    size = (width, max(1, round(width * height / wide)))
    pictures = [Image.fromarray(frame).resize(size) for frame in frames[::step]]
    content = io.BytesIO()
    pictures[0].save(
        content,
        "WEBP",
        save_all=True,
        append_images=pictures[1:],
        duration=round(1000 * step / frame_rate),
        loop=0,
        quality=_QUALITY,
        method=_FASTEST,
    )
    return content.getvalue()
