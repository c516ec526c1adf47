"""Pictures of every kind come out as a screen shows them, pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from ltxv.engine import Frames
from ltxv.errors import Refused
from ltxv.media.compress import compress
from ltxv.media.compress_work import CompressWork
from ltxv.media.frames import read_frames
from ltxv.media.probe import probe
from tests.media_samples import BLUE, GREEN, GREY, QUARTERS, RED, picture, quarters

LOC = ("images", 0, "image_url")
EXIF_ORIENTATION = 0x0112
pillow_heif.register_heif_opener()


def seen(content: bytes, folder: Path) -> Frames:
    """Return the one frame that the model is given, uncompressed."""
    source, target = folder / "source", folder / "prepared.mkv"
    source.write_bytes(content)
    found = probe(source, loc=LOC, expect="image")
    work = CompressWork(kind="image", aspect=(found.width, found.height), crf=0)
    compress(source, target, work, loc=LOC)
    (frame,) = read_frames(target)
    assert frame.shape == (found.height, found.width, 3)
    return frame


def colours(frame: Frames) -> list[tuple[int, ...]]:
    """Return the colours in the middle of the four quarters, row by row."""
    height, width, _ = frame.shape
    rows, columns = (height // 4, 3 * height // 4), (width // 4, 3 * width // 4)
    return [tuple(int(v) for v in frame[row, column]) for row in rows for column in columns]


def assert_close(
    found: Sequence[Sequence[int]], expected: Sequence[Sequence[int]], *, within: int = 2
) -> None:
    """Fail unless colours are the same but for rounding."""
    assert np.abs(np.array(found) - np.array(expected)).max() <= within, (found, expected)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_upright(tmp_path: Path, orientation: int, form: str) -> None:
    """Each of the eight orientations of EXIF is undone, as photo programs do."""
    undone = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = quarters().transpose(undone[orientation]) if orientation > 1 else quarters()
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    options: dict[str, Any] = {"exif": exif, "quality": 95}
    if form == "TIFF":
        options = {"exif": exif}
    frame = seen(picture(stored, form, **options), tmp_path)
    assert frame.shape == (64, 96, 3)
    assert_close(colours(frame), QUARTERS, within=8)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_what_is_transparent_is_shown_on_white(tmp_path: Path, form: str) -> None:
    """A logo on nothing is a logo on white paper, half seen where it is half transparent."""
    image = quarters().convert("RGBA")
    alpha = Image.new("L", image.size, 255)
    alpha.paste(0, (0, 0, 48, 32))
    alpha.paste(128, (48, 0, 96, 32))
    image.putalpha(alpha)
    lossless = {"lossless": True, "exact": True} if form == "WEBP" else {}
    half = tuple((value + 255) // 2 for value in GREEN)
    found = colours(seen(picture(image, form, **lossless), tmp_path))
    assert_close(found, [(255, 255, 255), half, BLUE, GREY], within=8 if form == "AVIF" else 2)


@pytest.mark.parametrize("mode", ["P", "L", "RGB", "LA", "I;16"])
def test_a_transparent_colour_is_white_too(tmp_path: Path, mode: str) -> None:
    """A palette, a grey or a colour that a PNG or GIF declares transparent is not shown."""
    shades = Image.new("L", (96, 64), 30)
    shades.paste(200, (48, 0, 96, 64))
    if mode == "LA":
        shades.putalpha(shades.point(lambda shade: 0 if shade == 30 else 255))
        content = picture(shades, "PNG")
    elif mode == "I;16":
        content = picture(Image.fromarray(np.asarray(shades).astype(np.uint16) * 257), "PNG")
        assert_close(colours(seen(content, tmp_path))[:2], [(30,) * 3, (200,) * 3])
        return
    else:
        hidden = {"P": 30, "L": 30, "RGB": (30, 30, 30)}[mode]
        content = picture(shades.convert(mode), "PNG", transparency=hidden)
    assert_close(colours(seen(content, tmp_path))[:2], [(255,) * 3, (200,) * 3])


@pytest.mark.parametrize(("form", "scale"), [("PNG", 257), ("TIFF", 257)])
def test_sixteen_bits_become_eight(tmp_path: Path, form: str, scale: int) -> None:
    """The upper eight of sixteen bits of grey are kept, not the first 255 steps."""
    deep = np.zeros((64, 96), np.uint16)
    deep[:, 48:] = 150 * scale
    found = colours(seen(picture(Image.fromarray(deep), form), tmp_path))
    assert_close(found[:2], [(0, 0, 0), (150, 150, 150)])


def test_sixteen_bits_of_colour_become_eight(tmp_path: Path) -> None:
    """A 16-bit photo of an editor, in PNG, keeps its colours."""
    from tests.media_samples import lossless, remade  # noqa: PLC0415

    frames = np.asarray(quarters())[np.newaxis]
    clip = lossless(frames)
    content = remade("deep.png", clip, "-i", "source", "-pix_fmt", "rgb48be", "-frames:v", "1")
    assert content[24] == 16
    assert_close(colours(seen(content, tmp_path)), QUARTERS)


def test_thirty_two_bits_have_no_white(tmp_path: Path) -> None:
    """A picture of floating-point numbers is refused with what to do, not shown black."""
    content = picture(Image.fromarray(np.full((64, 96), 0.5, np.float32)), "TIFF")
    with pytest.raises(Refused) as caught:
        seen(content, tmp_path)
    (line,) = caught.value.detail
    assert line["type"] == "unsupported_image_format"
    assert "export it with 8 or 16" in line["msg"]


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_print_colours_are_not_inverted(tmp_path: Path, form: str) -> None:
    """CMYK shows its colours, in Adobe's JPEGs too, which store them inverted."""
    content = picture(
        quarters().convert("CMYK"), form, **({"quality": 97} if form == "JPEG" else {})
    )
    assert (b"Adobe" in content) == (form == "JPEG")
    assert_close(colours(seen(content, tmp_path)), QUARTERS, within=6)


def test_a_colour_profile_is_applied(tmp_path: Path) -> None:
    """What a profile with swapped primaries calls red is the green that it means."""
    green = picture_with_profile(_swapped_profile(), tmp_path)
    assert green[1] > green[0] + 60
    plain = picture_with_profile(b"", tmp_path)
    assert_close([plain], [RED])


def test_a_profile_of_srgb_changes_nothing(tmp_path: Path) -> None:
    """Pixels in the colours of the screen already are passed on as they are."""
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert picture_with_profile(own, tmp_path) == RED


@pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 4000])
def test_a_profile_that_makes_no_sense_is_left_out(tmp_path: Path, profile: bytes) -> None:
    """A broken profile is no reason to refuse a picture that every browser shows."""
    assert_close([picture_with_profile(profile, tmp_path)], [RED])


def picture_with_profile(profile: bytes, folder: Path) -> tuple[int, ...]:
    """Return what red becomes under a profile."""
    content = picture(Image.new("RGB", (64, 64), RED), "PNG", icc_profile=profile or None)
    return tuple(int(value) for value in seen(content, folder)[32, 32])


def _swapped_profile() -> bytes:
    """Return sRGB's profile with the primaries of red and green exchanged."""
    own = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(own[128:132], "big")
    for entry in range(count):
        start = 132 + 12 * entry
        name = bytes(own[start : start + 4])
        own[start : start + 4] = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ"}.get(name, name)
    # Another name than sRGB's, which is taken as what it says.
    return bytes(own).replace("sRGB".encode("utf-16-be"), "mine".encode("utf-16-be"))


def test_lab_is_shown_in_its_colours(tmp_path: Path) -> None:
    """A TIFF in CIELAB, as scanners write it, is converted."""
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    lab = ImageCms.applyTransform(quarters(), to_lab)
    assert lab is not None
    assert_close(colours(seen(picture(lab, "TIFF"), tmp_path)), QUARTERS, within=8)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_a_heic_photo_is_read(tmp_path: Path, mode: str) -> None:
    """A phone's HEIC is a picture like any other; what is transparent in it is white."""
    image = quarters().convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.new("L", image.size, 0))
    content = picture(image, "HEIF", quality=90)
    expected = {"RGB": QUARTERS, "RGBA": [(255,) * 3] * 4}
    shades = [(round(0.299 * r + 0.587 * g + 0.114 * b),) * 3 for r, g, b in QUARTERS]
    assert_close(colours(seen(content, tmp_path)), expected.get(mode, shades), within=12)


def test_a_turned_heic_is_upright_once(tmp_path: Path) -> None:
    """HEIC turns pictures itself and keeps the EXIF tag as well; only one of them counts."""
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    stored = quarters().transpose(Image.Transpose.ROTATE_90)
    frame = seen(picture(stored, "HEIF", quality=90, exif=exif.tobytes()), tmp_path)
    assert frame.shape == (64, 96, 3)
    assert_close(colours(frame), QUARTERS, within=12)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_an_animation_is_its_first_frame(tmp_path: Path, form: str) -> None:
    """Where a picture is expected, an animation is what it shows at first."""
    later = [Image.new("RGB", (96, 64), colour) for colour in (BLUE, GREEN)]
    options: dict[str, Any] = {"save_all": True, "append_images": later, "duration": 100}
    if form == "WEBP":
        options["lossless"] = True
    content = picture(Image.new("RGB", (96, 64), RED), form, **options)
    assert_close(colours(seen(content, tmp_path)), [RED] * 4)


def test_bytes_that_make_no_sense_are_a_refusal(tmp_path: Path) -> None:
    """A file on which the reader's process ends costs its own request only."""
    content = bytearray(picture(quarters(), "AVIF"))
    for place in range(200, len(content), 3):
        content[place] ^= 0x5A
    with pytest.raises(Refused) as caught:
        seen(bytes(content), tmp_path)
    assert caught.value.detail[0]["type"] == "image_load_error"
