"""Media that are crafted to do harm."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from PIL import Image

from tests.media_samples import BARS, X264, clip, picture, png, quarters, remade

PNG_START = b"\x89PNG\r\n\x1a\n"


def png_chunk(name: bytes, content: bytes) -> bytes:
    """Return one chunk of a PNG."""
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def png_with(name: bytes, content: bytes) -> bytes:
    """Return a good PNG with one more chunk behind its header."""
    whole = picture(quarters(), "PNG")
    header = len(PNG_START) + 25
    return whole[:header] + png_chunk(name, content) + whole[header:]


def text_bomb() -> bytes:
    """Return a PNG whose comment unpacks to 512 MiB."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(2**20)) for _ in range(512)) + packer.flush()
    return png_with(b"zTXt", b"Comment\0\0" + packed)


def profile_bomb() -> bytes:
    """Return a PNG whose colour profile unpacks to 512 MiB."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(2**20)) for _ in range(512)) + packer.flush()
    return png_with(b"iCCP", b"own\0\0" + packed)


def pixel_bomb() -> bytes:
    """Return a PNG of a few kilobytes with 900 million pixels."""
    return png(30_000, 30_000, bytes(3751 * 3000))


def gif_bomb() -> bytes:
    """Return a GIF whose screen has four thousand million pixels."""
    whole = bytearray(picture(quarters(), "GIF"))
    whole[6:10] = b"\xff\xff\xff\xff"
    return bytes(whole)


def webp_bomb(*, moves: bool) -> bytes:
    """Return a WebP whose canvas has 16383 pixels a side."""
    frames = [Image.new("RGB", (96, 64), shade) for shade in ("red", "blue")]
    whole = bytearray(picture(frames[0], "WEBP", save_all=True, append_images=frames[1:]))
    whole[24:30] = (16382).to_bytes(3, "little") * 2
    if not moves:
        whole[20] &= ~2
    return bytes(whole)


def jpeg_bomb() -> bytes:
    """Return a JPEG whose header states 65500 pixels a side."""
    whole = bytearray(picture(quarters(), "JPEG"))
    start = whole.index(b"\xff\xc0") + 5
    whole[start : start + 4] = struct.pack(">HH", 65500, 65500)
    return bytes(whole)


def tiff_in_a_circle() -> bytes:
    """Return a TIFF whose directory is followed by itself and has no pixels."""
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 0) + struct.pack("<I", 8)


def tiff_of_strips() -> bytes:
    """Return a TIFF whose strips lie beyond its end."""
    whole = bytearray(picture(quarters(), "TIFF"))
    for place in range(len(whole) - 120, len(whole), 4):
        whole[place : place + 4] = b"\xff\xff\xff\x7f"
    return bytes(whole)


def boxes(content: bytes) -> list[tuple[bytes, bytes]]:
    """Return the names of an mp4's outermost boxes with the whole of each."""
    found, at = [], 0
    while at < len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        found.append((content[at + 4 : at + 8], content[at : at + size]))
        at += size
    return found


def box(name: bytes, content: bytes) -> bytes:
    """Return an mp4 box."""
    return struct.pack(">I", 8 + len(content)) + name + content


def mp4() -> bytes:
    """Return a good clip whose index is at its end."""
    return clip("bars.mp4", *BARS, *X264)


def with_moov(moov: bytes) -> bytes:
    """Return the good clip with another index."""
    return b"".join(moov if name == b"moov" else whole for name, whole in boxes(mp4()))


def many_streams(count: int) -> bytes:
    """Return a clip that announces so many tracks."""
    (moov,) = [whole for name, whole in boxes(mp4()) if name == b"moov"]
    inside = boxes(moov[8:])
    (track,) = [whole for name, whole in inside if name == b"trak"]
    return with_moov(box(b"moov", inside[0][1] + track * count))


def endless_samples() -> bytes:
    """Return a clip whose index states 2^31 samples."""
    whole = bytearray(mp4())
    start = whole.index(b"stts") + 12
    whole[start : start + 4] = struct.pack(">I", 2**31 - 1)
    start = whole.index(b"stsz") + 8
    whole[start : start + 8] = struct.pack(">II", 1, 2**31 - 1)
    return bytes(whole)


def deep_boxes() -> bytes:
    """Return a clip whose boxes lie in each other, 20,000 deep."""
    head = b"".join(struct.pack(">I", 8 * (20_000 - depth)) + b"moov" for depth in range(20_000))
    return boxes(mp4())[0][1] + head


def lying_size() -> bytes:
    """Return a clip with a box of 2^63 bytes."""
    first = boxes(mp4())[0][1]
    return first + struct.pack(">I", 1) + b"moov" + struct.pack(">Q", 2**63 - 1) + bytes(200)


def matroska_of_huge_elements() -> bytes:
    """Return an MKV whose elements state sizes of 2^56."""
    whole = clip("bars.mkv", *BARS, *X264)
    at = whole.index(b"\x16\x54\xae\x6b")
    return whole[: at + 4] + b"\x01\xff\xff\xff\xff\xff\xff\xfe" + whole[at + 5 :]


def zipped() -> bytes:
    """Return a ZIP with a picture in it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.png", picture(quarters(), "PNG"))
    return file.getvalue()


def with_cover(*, sound_only: bool) -> bytes:
    """Return a clip, or sound alone, with a cover picture before it."""
    cover = picture(Image.new("RGB", (200, 100), "red"), "PNG")
    tone = ("-f", "lavfi", "-i", "sine=duration=1")
    other = tone if sound_only else BARS
    coded = ("-c:a", "aac") if sound_only else ("-c:v:1", *X264[1:])
    return remade(
        "covered.mp4", cover, "-i", "source", *other, "-map", "0", "-map", "1", *coded,
        "-c:v:0", "copy", "-disposition:v:0", "attached_pic",
    )  # fmt: skip
