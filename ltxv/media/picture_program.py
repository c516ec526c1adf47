"""Decode one picture or animation: a program of its own, which a crafted file may crash.

``python picture_program.py PATH FORMAT MOST_PIXELS look|pixels|animation MOST_FRAMES`` writes a
line of JSON, what the picture is or why it is none, then its pixels as 8-bit sRGB: none for
``look``, one frame for ``pixels``. For ``animation`` the pixels are those of all frames.

It imports Pillow and nothing of this project, so that it starts in a tenth of a second.
"""

from __future__ import annotations

import io
import json
import re
import sys
import warnings
from collections.abc import Iterator
from typing import IO, Any

from PIL import Image, ImageCms, ImageSequence, UnidentifiedImageError

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
_DEEP = ("I", "F")
_PAPER = "white"
"""What shows through a transparent picture: the page of a browser, a sheet of paper."""

_UNTOLD_MILLISECONDS = 100
"""How long browsers show a frame that states no duration, or one that nobody could see."""

_LEAST_MILLISECONDS = 11
_LARGEST_PROFILE = 4 * 2**20


class Unfit(Exception):
    """A picture that is whole and cannot be used; the arguments say why."""


def main(arguments: list[str]) -> None:
    """Do what the arguments say."""
    out = sys.stdout.buffer
    warnings.simplefilter("ignore")
    try:
        _decode(out, *arguments)
    except Unfit as error:
        _tell(out, {"unfit": list(error.args)})
    except Image.DecompressionBombError as error:
        # Pillow tells how many pixels there are, and not of which sides.
        _tell(out, {"unfit": ["many", *map(int, re.findall(r"\d+", str(error))[:1])]})
    except UnidentifiedImageError:
        _tell(out, {"damaged": ""})  # its text has the path of the file in it
    except Exception as error:  # noqa: BLE001 - Pillow's readers raise whatever they stumble over
        _tell(out, {"damaged": str(error) or type(error).__name__})


def _decode(out: IO[bytes], *arguments: str) -> None:
    path, form, most_pixels, task, most = arguments
    # Pillow holds files to twice this, before a reader is asked that allocates at once.
    Image.MAX_IMAGE_PIXELS = int(most_pixels)
    if form == "HEIF":
        _read_heif_too()
    with Image.open(path, formats=(form,)) as image:
        if image.width * image.height > int(most_pixels):
            raise Unfit("large", *image.size)
        if form == "WEBP" and getattr(image, "is_animated", False):
            _with_canvas(image)
        if task == "animation":
            _tell(out, _animation(image, int(most)))
            out.writelines(frame.tobytes() for frame in _frames(image))
            return
        image.load()
        orientation = _orientation(image)
        upright = _shown(image)
    if orientation in _UPRIGHT:
        upright = upright.transpose(_UPRIGHT[orientation])
    degrees = _DEGREES.get(orientation, 0)
    _tell(out, {"width": upright.width, "height": upright.height, "rotation": degrees})
    if task == "pixels":
        out.write(upright.tobytes())


def _tell(out: IO[bytes], facts: dict[str, Any]) -> None:
    out.write(json.dumps(facts).encode() + b"\n")


def _with_canvas(webp: Any) -> None:
    """Have the frames of an animation read with the alpha of what they do not cover.

    Pillow leaves it out, and shows black, where no frame has transparent pixels of its own.
    """
    webp.rawmode = webp._mode = "RGBA"  # noqa: SLF001 - there is no public way


def _read_heif_too() -> None:
    import pi_heif  # noqa: PLC0415 - only where it is needed

    pi_heif.options.DECODE_THREADS = 1
    pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - the tags of a photo may be broken where its pixels are not
        return 1


def _animation(image: Image.Image, most: int) -> dict[str, Any]:
    """Return size and durations, in milliseconds, of all frames; each is decoded for that."""
    durations: list[int] = []
    for frame in ImageSequence.Iterator(image):
        if len(durations) == most:
            raise Unfit("long", most)
        frame.load()
        stated = round(frame.info.get("duration", 0))
        durations.append(stated if stated >= _LEAST_MILLISECONDS else _UNTOLD_MILLISECONDS)
    return {"width": image.width, "height": image.height, "durations": durations}


def _frames(image: Image.Image) -> Iterator[Image.Image]:
    for frame in ImageSequence.Iterator(image):
        yield _shown(frame)


def _shown(image: Image.Image) -> Image.Image:
    """Return a picture as a screen shows it: sRGB, 8 bits, on white where it is transparent."""
    if image.mode in _DEEP:
        raise Unfit("deep")
    if image.mode.startswith("I;16"):
        image = _eight_bit(image)
    if image.mode == "P" and "transparency" not in image.info:
        image = _keeping_profile(image, "RGB")
    if image.has_transparency_data:
        seen = _keeping_profile(image, "RGBA")
        paper = Image.new("RGB", image.size, _PAPER)
        colours = _keeping_profile(seen, "RGB")
        paper.paste(_srgb(colours), mask=seen.getchannel("A"))
        return paper
    return _srgb(image)


def _keeping_profile(image: Image.Image, mode: str) -> Image.Image:
    made = image.convert(mode)
    made.info["icc_profile"] = image.info.get("icc_profile")
    return made


def _eight_bit(image: Image.Image) -> Image.Image:
    import numpy as np  # noqa: PLC0415 - only where it is needed

    made = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    made.info["icc_profile"] = image.info.get("icc_profile")
    return made


def _srgb(image: Image.Image) -> Image.Image:
    """Convert by the picture's own colour profile; one that makes no sense is left out."""
    profile = image.info.get("icc_profile")
    if image.mode == "LAB":
        return _converted(image, ImageCms.createProfile("LAB"))
    if not profile or len(profile) > _LARGEST_PROFILE:
        return image.convert("RGB")
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if ImageCms.getProfileDescription(own).startswith("sRGB"):
            return image.convert("RGB")
        return _converted(image, own.profile)
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return image.convert("RGB")


def _converted(image: Image.Image, own: Any) -> Image.Image:
    made = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(own),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    if made is None:
        raise ValueError("not converted")
    return made


if __name__ == "__main__":
    main(sys.argv[1:])
