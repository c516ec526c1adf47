"""A stranger's picture, decoded upright."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from ltxv.engine import Frames
from ltxv.errors import Loc, Refused
from ltxv.media.content import Content
from ltxv.media.limits import MediaLimits, check_size

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation to what turns the picture upright."""

_DEGREES = {3: 180, 4: 180, 5: 270, 6: 270, 7: 90, 8: 90}
_SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N")

# What Pillow's readers raise on damaged or hostile files.
_DAMAGED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class Picture:
    """A decoded picture: one frame (1, height, width, 3), upright.

    ``rotation`` is by how many degrees, counter-clockwise, it was turned for that.
    """

    frames: Frames
    rotation: int


def read_picture(path: Path, content: Content, *, limits: MediaLimits, loc: Loc) -> Picture:
    """Decode a picture, the first of several, with its EXIF orientation applied.

    Transparency is dropped, as the reference does.

    Args:
        path: The file.
        content: Its type.
        limits: Sizes that are accepted; checked before the pixels are decoded.
        loc: Field of the request, for errors.

    Raises:
        Refused: It is damaged, cut off, too large or too small.
    """
    most = limits.max_pixels
    with _opened(path, content, most=most, loc=loc) as image:
        check_size(*image.size, most=most, limits=limits, loc=loc)
        with _faults(most, loc):
            image.load()
            orientation = _orientation(image)
            upright = _rgb(image)
    if orientation in _UPRIGHT:
        upright = upright.transpose(_UPRIGHT[orientation])
    return Picture(np.asarray(upright)[np.newaxis], _DEGREES.get(orientation, 0))


@contextmanager
def _opened(path: Path, content: Content, *, most: int, loc: Loc) -> Iterator[Image.Image]:
    with warnings.catch_warnings(), _faults(most, loc):
        # Sizes are held to our own limits.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        image = Image.open(path, formats=(content.reader,))
    with image:
        yield image


@contextmanager
def _faults(most: int, loc: Loc) -> Iterator[None]:
    try:
        yield
    except Image.DecompressionBombError as error:
        # Pillow looks for itself while it opens; its text says how many pixels there are.
        raise Refused.because(
            loc,
            f"is too large a picture ({error}); at most {most:,} pixels are allowed. Send a "
            "smaller version",
            type="image_too_large",
            max_resolution=most,
        ) from error
    except UnidentifiedImageError as error:
        # Its text has the path of the file in it.
        raise Refused.because(
            loc,
            "is a picture that is damaged or cut off near its beginning; send it again, whole",
            type="image_load_error",
        ) from error
    except _DAMAGED as error:
        raise Refused.because(
            loc,
            f"is a picture that is damaged or cut off ({error}); send it again, whole",
            type="image_load_error",
        ) from error


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except _DAMAGED:
        # The tags of a photo may be broken where its pixels are not.
        return 1


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in _SIXTEEN_BIT:
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    return image.convert("RGB")
