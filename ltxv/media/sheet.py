"""Clips as one picture."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from ltxv.engine import Frames

_BACKGROUND = (18, 18, 20)
_INK = (214, 214, 218)
_GAP = 8
_LINE = 20
_CAPTION = 6
_TEXT = 15
_JPEG_QUALITY = 85


class Cell(NamedTuple):
    """One captioned picture of a sheet."""

    picture: npt.NDArray[np.uint8]
    """(height, width, 3), RGB."""
    caption: str
    """One line or several."""


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
    shown = [
        Cell(frames[number], f"frame {number}   {number / frame_rate:.2f} s")
        for number in spread(len(frames), cells)
    ]
    columns = min(columns, len(shown))
    rows = [shown[start : start + columns] for start in range(0, len(shown), columns)]
    return sheet_of(rows, width=width)


def spread(count: int, wanted: int) -> list[int]:
    """Return at most ``wanted`` different numbers of ``count`` frames, the first and last too."""
    return [int(n) for n in np.unique(np.linspace(0, count - 1, min(wanted, count)).round())]


def sheet_of(rows: Sequence[Sequence[Cell]], *, width: int = 1280) -> bytes:
    """Return a JPEG of captioned pictures in rows.

    Args:
        rows: Pictures, shown at one width; a row is as high as its highest.
        width: Width of the sheet in pixels.
    """
    columns = max(len(row) for row in rows)
    cell = (width - _GAP * (columns + 1)) // columns
    heights = [max(_height(part.picture, cell) for part in row) for row in rows]
    captions = [_CAPTION + _LINE * max(_lines(part) for part in row) for row in rows]
    sheet = Image.new(
        "RGB",
        (width, sum(heights) + sum(captions) + (len(rows) + 1) * _GAP),
        color=_BACKGROUND,
    )
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_TEXT)
    top = _GAP
    for row, height, caption_height in zip(rows, heights, captions, strict=True):
        for column, part in enumerate(row):
            left = _GAP + column * (cell + _GAP)
            picture = Image.fromarray(part.picture).resize((cell, _height(part.picture, cell)))
            sheet.paste(picture, (left, top))
            for number, line in enumerate(part.caption.split("\n")):
                said = _fitting(line, cell, draw=draw, font=font)
                below = top + height + _GAP // 2 + number * _LINE
                draw.text((left, below), said, fill=_INK, font=font)
        top += height + caption_height + _GAP
    content = io.BytesIO()
    sheet.save(content, "JPEG", quality=_JPEG_QUALITY)
    return content.getvalue()


def _height(picture: npt.NDArray[np.uint8], width: int) -> int:
    height, wide, _ = picture.shape
    return max(1, round(width * int(height) / int(wide)))


def _lines(cell: Cell) -> int:
    return cell.caption.count("\n") + 1


def _fitting(
    caption: str,
    width: int,
    *,
    draw: ImageDraw.ImageDraw,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
) -> str:
    """Return as much of a caption as the width of its picture bears."""
    if draw.textlength(caption, font=font) <= width:
        return caption
    kept = caption
    while kept and draw.textlength(f"{kept}…", font=font) > width:
        kept = kept[: math.floor(len(kept) * 0.9)]
    return f"{kept}…"
