"""What is found out about pictures by decoding them, and which are refused."""

from __future__ import annotations

import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image

from ltxv.errors import Misconfigured, Refused
from ltxv.media.binaries import ffmpeg_binary
from ltxv.media.probe import MediaLimits, Probe, probe

LOC = ("images", 0, "image_url")
PICTURE = Image.effect_mandelbrot((96, 64), (-2, -1.5, 1, 1.5), 20).convert("RGB")


def look(path: Path, **limits: float) -> Probe:
    """Probe a file that is expected to be a picture."""
    return probe(path, loc=LOC, expect="image", limits=MediaLimits.model_validate(limits))


def refusal(path: Path, **limits: float) -> tuple[str, str, dict[str, object]]:
    """Return type, message and context of the one refusal of a file as a picture."""
    with pytest.raises(Refused) as refused:
        look(path, **limits)
    (violation,) = refused.value.violations
    assert violation.loc == LOC
    assert str(path.parent) not in violation.msg
    return violation.type, violation.msg, dict(violation.ctx)


def png(width: int, height: int, data: bytes) -> bytes:
    """Return a PNG of one bit a pixel whose header states any size."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("format_", "content_type", "options"),
    [
        ("JPEG", "image/jpeg", {}),
        ("JPEG", "image/jpeg", {"progressive": True}),
        ("PNG", "image/png", {}),
        ("WEBP", "image/webp", {}),
        ("WEBP", "image/webp", {"lossless": True}),
        ("GIF", "image/gif", {}),
        ("BMP", "image/bmp", {}),
        ("TIFF", "image/tiff", {}),
        ("TIFF", "image/tiff", {"compression": "tiff_lzw"}),
        ("AVIF", "image/avif", {"speed": 10}),
    ],
)
def test_reads_the_usual_formats(
    tmp_path: Path, format_: str, content_type: str, options: dict[str, Any]
) -> None:
    """The content, not the name, decides the type."""
    file = tmp_path / "media.mp4"
    PICTURE.save(file, format_, **options)
    assert look(file) == Probe(
        kind="image",
        content_type=content_type,
        width=96,
        height=64,
        rotation=0,
        frames=1,
        frame_rate=0,
        seconds=0,
    )


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_reads_every_depth_of_png(tmp_path: Path, mode: str) -> None:
    """Transparency, palettes and 16 bits are no reason to refuse."""
    picture = Image.new("I;16", (33, 47)) if mode == "I;16" else PICTURE.convert(mode)
    picture.save(tmp_path / "a.png")
    found = look(tmp_path / "a.png")
    assert (found.width, found.height) == picture.size


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG", "TIFF"])
def test_several_pictures_are_the_first(tmp_path: Path, format_: str) -> None:
    """An animation or a stack of pages is one picture where a picture is expected."""
    more = [Image.new("RGB", (96, 64), "red"), Image.new("RGB", (96, 64), "blue")]
    PICTURE.save(tmp_path / "a", format_, save_all=True, append_images=more)
    assert look(tmp_path / "a").frames == 1


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(("orientation", "size"), [(1, (96, 64)), (3, (96, 64)), (6, (64, 96))])
def test_size_is_as_displayed(
    tmp_path: Path, format_: str, orientation: int, size: tuple[int, int]
) -> None:
    """A picture that a phone stored lying down has the size it is shown with."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    PICTURE.save(tmp_path / "a", format_, exif=exif)
    found = look(tmp_path / "a")
    assert (found.width, found.height) == size


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("kept", [0.1, 0.8])
def test_a_picture_that_is_cut_off_is_refused(tmp_path: Path, format_: str, kept: float) -> None:
    """Half a download is never taken for a picture with a grey half."""
    file = tmp_path / "a"
    Image.effect_noise((96, 64), 90).convert("RGB").save(file, format_)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * kept)])
    type_, msg, _ = refusal(file)
    assert type_ == "image_load_error"
    assert "cut off" in msg


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    """A few kilobytes that would unpack to 900 million pixels are never unpacked."""
    file = tmp_path / "bomb.png"
    file.write_bytes(png(30_000, 30_000, bytes(3751 * 30_000)))
    assert file.stat().st_size < 200_000
    type_, msg, ctx = refusal(file)
    assert type_ == "image_too_large"
    assert "900,000,000" in msg
    assert ctx["max_resolution"] == MediaLimits().max_pixels


def test_the_header_is_held_to_the_limits_before_the_content(tmp_path: Path) -> None:
    """A picture is too large by its header even if there is nothing behind it."""
    file = tmp_path / "empty.png"
    file.write_bytes(png(9000, 9000, b""))
    type_, msg, _ = refusal(file)
    assert type_ == "image_too_large"
    assert "9000x9000" in msg


@pytest.mark.parametrize(
    ("limits", "type_"),
    [({"max_pixels": 6143}, "image_too_large"), ({"min_side": 65}, "image_too_small")],
)
def test_sizes_out_of_bounds_are_refused(
    tmp_path: Path, limits: dict[str, int], type_: str
) -> None:
    """The size and the limit are in the refusal; the bound itself is allowed."""
    file = tmp_path / "a.png"
    PICTURE.save(file)
    found, msg, ctx = refusal(file, **limits)
    assert found == type_
    assert "96x64" in msg
    assert ctx
    assert look(file, max_pixels=6144, min_side=64).width == 96


def test_a_clip_is_sent_to_its_own_list(tmp_path: Path) -> None:
    """A clip where a picture is expected says where it belongs."""
    file = tmp_path / "a.jpg"
    source = ["-f", "lavfi", "-i", "color=s=64x64:d=0.2", "-f", "mp4"]
    subprocess.run([ffmpeg_binary(), "-v", "error", *source, str(file)], check=True, timeout=60)
    type_, msg, _ = refusal(file)
    assert type_ == "unsupported_image_format"
    assert "videos" in msg


def test_a_picture_whose_fields_make_no_sense_is_refused(tmp_path: Path) -> None:
    """A reader that stumbles in its own way is still a refusal, not a crash."""
    PICTURE.save(tmp_path / "a.tif")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    for place in range(4, len(content), 7):
        content[place] = 0xFF
    (tmp_path / "a.tif").write_bytes(content)
    assert refusal(tmp_path / "a.tif")[0] == "image_load_error"


def test_a_file_that_is_not_there_is_not_the_callers_fault(tmp_path: Path) -> None:
    """What the installation lost is for its operator."""
    with pytest.raises(Misconfigured, match="gone"):
        look(tmp_path / "gone")
