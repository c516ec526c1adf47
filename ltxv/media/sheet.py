"""A clip as one picture."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ltxv.engine import Frames

_BACKGROUND = (18, 18, 20)
_INK = (214, 214, 218)
_GAP = 8
_CAPTION = 26
_TEXT = 15
_JPEG_QUALITY = 85


def contact_sheet(
    frames: Frames, *, frame_rate: float, cells: int = 8, columns: int = 4, width: int = 1280
) -> bytes:
    """Return a JPEG of frames spread evenly over a clip, each with its number and time.

    Args:
        frames: (frames, height, width, 3), uint8, RGB.
        frame_rate: Frames per second, for the times.
        cells: How many frames are shown; fewer if the clip has fewer.
        columns: How many are side by side.
        width: Width of the picture in pixels.
    """
    count, height, wide, _ = frames.shape
    shown = np.unique(np.linspace(0, count - 1, min(cells, count)).round().astype(int))
    columns = min(columns, len(shown))
    cell_width = (width - _GAP * (columns + 1)) // columns
    cell_height = max(1, round(cell_width * height / wide))
    rows = math.ceil(len(shown) / columns)
    sheet = Image.new(
        "RGB", (width, rows * (cell_height + _CAPTION + _GAP) + _GAP), color=_BACKGROUND
    )
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_TEXT)
    for place, number in enumerate(shown):
        row, column = divmod(place, columns)
        left = _GAP + column * (cell_width + _GAP)
        top = _GAP + row * (cell_height + _CAPTION + _GAP)
        picture = Image.fromarray(frames[number]).resize((cell_width, cell_height))
        sheet.paste(picture, (left, top))
        caption = f"frame {number}   {number / frame_rate:.2f} s"
        draw.text((left, top + cell_height + _GAP // 2), caption, fill=_INK, font=font)
    content = io.BytesIO()
    sheet.save(content, "JPEG", quality=_JPEG_QUALITY)
    return content.getvalue()
