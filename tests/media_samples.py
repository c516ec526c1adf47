"""Pictures and clips of every odd kind, made when they are asked for."""

from __future__ import annotations

import io
import struct
import subprocess
import tempfile
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ltxv.media.binaries import ffmpeg_binary

BARS = ("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=24:duration=1")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")

RED, GREEN, BLUE, GREY = (220, 40, 30), (40, 180, 60), (50, 60, 200), (128, 128, 128)


def picture(image: Image.Image, form: str, **options: Any) -> bytes:
    """Return a picture as a file of this format."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def quarters() -> Image.Image:
    """Return a picture of 96x64 whose quarters differ: red, green, blue and grey."""
    image = Image.new("RGB", (96, 64))
    for place, colour in zip(((0, 0), (48, 0), (0, 32), (48, 32)), QUARTERS, strict=True):
        image.paste(colour, (*place, place[0] + 48, place[1] + 32))
    return image


QUARTERS = (RED, GREEN, BLUE, GREY)


def clip(name: str, *options: str) -> bytes:
    """Return what ffmpeg makes with these options of a file of this name."""
    return _clip(name, options)


@cache
def _clip(name: str, options: tuple[str, ...]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / name
        command = [ffmpeg_binary(), "-v", "error", "-y", *options, str(target)]
        subprocess.run(command, check=True, timeout=60, cwd=folder)
        return target.read_bytes()


def remade(name: str, content: bytes, *options: str) -> bytes:
    """Return what ffmpeg makes of ``content``, a file called ``source``, with these options."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "source").write_bytes(content)
        command = [ffmpeg_binary(), "-v", "error", "-y", *options, name]
        subprocess.run(command, check=True, timeout=60, cwd=folder)
        return (Path(folder) / name).read_bytes()


def lossless(frames: NDArray[np.uint8], *, rate: str = "25", pixels: str = "bgr0") -> bytes:
    """Return frames (count, height, width, 3) as a clip that keeps every bit."""
    _, height, width, _ = frames.shape
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", rate]
    return remade_raw(frames.tobytes(), *raw, "-i", "source", "-c:v", "ffv1", "-pix_fmt", pixels)


def remade_raw(content: bytes, *options: str) -> bytes:
    """Return a Matroska file that ffmpeg makes of raw frames."""
    return remade("made.mkv", content, *options)


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
