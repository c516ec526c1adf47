"""Real pictures and clips with small damages: prepared or refused, in time, and nothing left."""

from __future__ import annotations

import io
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from ltxv.errors import Refused
from ltxv.media.binaries import ffmpeg_binary
from ltxv.media.compress import compress
from ltxv.media.compress_work import CompressWork
from ltxv.media.probe import Probe, probe
from tests.fuzz.mutations import mutations

SECONDS = 30
"""For one file of a kilobyte on a busy machine; a whole one takes a quarter of a second."""

HEAD = 300
PICTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "jpg": ("JPEG", {}),
    "cmyk.jpg": ("JPEG", {"mode": "CMYK"}),
    "exif.jpg": ("JPEG", {"exif": True}),
    "png": ("PNG", {}),
    "palette.png": ("PNG", {"mode": "P"}),
    "gif": ("GIF", {}),
    "webp": ("WEBP", {}),
    "lossless.webp": ("WEBP", {"lossless": True}),
    "bmp": ("BMP", {}),
    "tif": ("TIFF", {"compression": "tiff_lzw"}),
    "avif": ("AVIF", {}),
    "heic": ("HEIF", {}),
}
pillow_heif.register_heif_opener()
CLIPS = {
    "mp4": ["-c:v", "libx264"],
    "mov": ["-c:v", "mpeg4"],
    "mkv": ["-c:v", "libx264"],
    "webm": ["-c:v", "libvpx"],
    "avi": ["-c:v", "mjpeg"],
    "gif": [],
    "webp": ["-c:v", "libwebp_anim"],
}


def picture(name: str) -> bytes:
    """Return a picture of 64x48 as a program would save it."""
    form, options = PICTURES[name]
    options = dict(options)
    down, across = np.mgrid[0:48, 0:64]
    pixels = np.stack([across * 4, down * 5, (across + down) * 2], axis=-1).astype(np.uint8)
    image = Image.fromarray(pixels).convert(options.pop("mode", "RGB"))
    if options.pop("exif", False):
        exif = Image.Exif()
        exif[0x0112] = 6
        options |= {"exif": exif, "icc_profile": b"no profile"}
    held = io.BytesIO()
    image.save(held, form, **options)
    return held.getvalue()


def clip(name: str, folder: Path) -> bytes:
    """Return a second of moving picture as ffmpeg writes it."""
    file = folder / f"clip.{name}"
    source = ["-f", "lavfi", "-i", "testsrc=s=64x48:r=12:d=1"]
    command = [ffmpeg_binary(), "-v", "error", *source, *CLIPS[name], str(file)]
    subprocess.run(command, check=True)
    return file.read_bytes()


def prepared(file: Path, target: Path, kind: Any) -> Probe | None:
    """Probe and compress a file as the stages do; None if it is refused."""
    loc = (f"{kind}s", 0, f"{kind}_url")
    try:
        found = probe(file, loc=loc, expect=kind)
        frames = (found.frames - 1) // 8 * 8 + 1
        work = CompressWork(
            kind=kind,
            aspect=(64, 48),
            crf=35,
            take=found.frames,
            frames=frames,
            even=found.held,
            source_frame_rate=found.frame_rate,
            reverse=kind == "video",
        )
        compress(file, target, work, loc=loc)
    except Refused as error:
        refused = error
    else:
        return found
    said = json.dumps(refused.detail, allow_nan=False)
    assert str(file.parent) not in said
    assert all(line["loc"][1:] == list(loc) and line["type"] for line in refused.detail)
    return None


def endure(content: bytes, kind: str, folder: Path, scratch: Path, *, count: int) -> None:
    """Have damaged copies prepared, one after the other."""
    file, target = folder / "media", folder / "prepared.mkv"
    for damaged in mutations(content, count=count, head=HEAD):
        file.write_bytes(damaged)
        started = time.monotonic()
        if prepared(file, target, kind) is not None:
            target.unlink()
        assert time.monotonic() - started < SECONDS
        assert sorted(folder.iterdir()) == sorted([file, scratch])
        assert list(scratch.iterdir()) == []


MANY = pytest.mark.slow


@pytest.mark.parametrize("count", [8, pytest.param(150, marks=MANY)])
@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_pictures_are_prepared_or_refused(
    name: str, count: int, tmp_path: Path, scratch: Path
) -> None:
    """Pillow and ffmpeg end each, no path is told and no file is left."""
    content = picture(name)
    endure(content, "image", tmp_path, scratch, count=count)
    (tmp_path / "media").write_bytes(content)
    assert prepared(tmp_path / "media", tmp_path / "prepared.mkv", "image") is not None


@pytest.mark.parametrize("count", [5, pytest.param(150, marks=MANY)])
@pytest.mark.parametrize("name", CLIPS)
def test_damaged_clips_are_prepared_or_refused(
    name: str, count: int, tmp_path: Path, scratch: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Ffprobe and ffmpeg end each, no path is told and no file is left."""
    content = clip(name, tmp_path_factory.mktemp("made"))
    endure(content, "video", tmp_path, scratch, count=count)
    (tmp_path / "media").write_bytes(content)
    assert prepared(tmp_path / "media", tmp_path / "prepared.mkv", "video") is not None
