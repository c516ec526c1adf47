"""A picture made small."""

from __future__ import annotations

import io

from PIL import Image

_JPEG_QUALITY = 70


def thumbnail(picture: bytes, *, width: int = 280) -> bytes:
    """Return a picture of ours as a JPEG that is ``width`` pixels wide.

    Raises:
        OSError: It is no picture.
    """
    with Image.open(io.BytesIO(picture)) as opened:
        height = max(1, round(opened.height * width / opened.width))
        small = opened.convert("RGB").resize((width, height))
    content = io.BytesIO()
    small.save(content, "JPEG", quality=_JPEG_QUALITY)
    return content.getvalue()
