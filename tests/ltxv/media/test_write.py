"""Finished files, looked at with a real ffprobe and decoded again."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np
import pytest

from ltxv.engine import Frames
from ltxv.errors import Misconfigured
from ltxv.media.binaries import ffmpeg_binary, ffprobe_binary
from ltxv.media.frames import read_frames
from ltxv.media.write import VideoQuality, write_video


def moving(count: int = 12, height: int = 90, width: int = 160) -> Frames:
    """Return smooth colours that drift, with a bright square that moves."""
    y, x = np.mgrid[:height, :width]
    frames = np.zeros((count, height, width, 3), np.uint8)
    for number in range(count):
        frames[number, ..., 0] = 128 + 90 * np.sin((x + 3 * number) / 20)
        frames[number, ..., 1] = 128 + 90 * np.cos(y / 15)
        frames[number, ..., 2] = 60
        frames[number, 20:40, 5 * number : 5 * number + 20] = 235
    return frames


def probed(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what ffprobe says about the one stream, and about the file."""
    found = ffmpeg.probe(str(path), cmd=ffprobe_binary(), count_frames=None)
    (stream,) = found["streams"]
    return stream, found["format"]


def psnr(first: Frames, second: Frames) -> float:
    """Return the peak signal-to-noise ratio in dB."""
    error = ((first.astype(float) - second.astype(float)) ** 2).mean()
    return float(10 * np.log10(255**2 / error))


def test_the_file_is_what_was_asked_for(tmp_path: Path) -> None:
    """Codec, pixel format, size, frames, rate and colour tags are exact."""
    file = tmp_path / "a.mp4"
    write_video(moving(), file, frame_rate=23)
    stream, _ = probed(file)
    assert (stream["codec_name"], stream["pix_fmt"]) == ("h264", "yuv420p")
    assert (stream["width"], stream["height"]) == (160, 90)
    assert (stream["r_frame_rate"], stream["avg_frame_rate"]) == ("23/1", "23/1")
    assert int(stream["nb_read_frames"]) == 12
    assert {stream[f"color_{tag}"] for tag in ("space", "primaries", "transfer")} == {"bt709"}
    assert stream["color_range"] == "tv"


@pytest.mark.parametrize("rate", ["30000/1001", "24000/1001", "25/2", "60/1"])
def test_rates_are_exact(tmp_path: Path, rate: str) -> None:
    """Television's fractions are in the file as they are, and no frame is lost to them."""
    file = tmp_path / "a.mp4"
    write_video(moving(), file, frame_rate=Fraction(rate))
    stream, _ = probed(file)
    assert (stream["r_frame_rate"], stream["avg_frame_rate"]) == (rate, rate)
    assert int(stream["nb_read_frames"]) == 12


def test_the_index_comes_first(tmp_path: Path) -> None:
    """A player can start before it has the whole file."""
    file = tmp_path / "a.mp4"
    write_video(moving(), file, frame_rate=24)
    content = file.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_colours_come_back(tmp_path: Path) -> None:
    """Pixels are converted as the tags say: saturated patches survive the round trip."""
    patches = np.zeros((4, 64, 64, 3), np.uint8)
    for column, colour in enumerate([(200, 30, 30), (30, 200, 30), (30, 30, 200), (180, 180, 20)]):
        patches[:, :, column * 16 : column * 16 + 16] = colour
    file = tmp_path / "a.mp4"
    write_video(patches, file, frame_rate=24, quality="maximum")
    middle = read_frames(file)[:, :, 8::16].astype(int)
    assert np.abs(middle - patches[:, :, 8::16].astype(int)).max() <= 6


def test_quality_is_a_choice(tmp_path: Path) -> None:
    """Each step up is a larger and truer file."""
    frames = moving()
    sizes, likeness = [], []
    qualities: list[VideoQuality] = ["low", "medium", "high", "maximum"]
    for quality in qualities:
        file = tmp_path / f"{quality}.mp4"
        write_video(frames, file, frame_rate=24, quality=quality)
        sizes.append(file.stat().st_size)
        likeness.append(psnr(frames, read_frames(file)))
    assert sizes == sorted(sizes)
    assert likeness == sorted(likeness)
    assert likeness[2] > 35


def test_tags_are_in_the_file(tmp_path: Path) -> None:
    """Title and comment read back as they were, whatever is in them."""
    tags = {"title": "a = b; c\nd 'e'", "comment": '{"seed": 1, "prompt": "ü \\" #"}'}
    file = tmp_path / "a.mp4"
    write_video(moving(), file, frame_rate=24, **tags)
    _, container = probed(file)
    assert {name: container["tags"][name] for name in tags} == tags


def test_the_same_frames_make_the_same_file(tmp_path: Path) -> None:
    """Bytes do not depend on chance."""
    for name in ("a.mp4", "b.mp4"):
        write_video(moving(), tmp_path / name, frame_rate=24)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_reversed_view_is_written_backwards(tmp_path: Path) -> None:
    """Frames need not lie in memory in their order."""
    write_video(moving()[::-1], tmp_path / "a.mp4", frame_rate=24)
    assert psnr(moving()[::-1], read_frames(tmp_path / "a.mp4")) > 35


@pytest.mark.parametrize("shape", [(4, 91, 160, 3), (4, 90, 161, 3), (0, 90, 160, 3), (90, 160, 3)])
def test_what_is_no_video_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Odd sides and no frames are errors, and leave nothing behind."""
    with pytest.raises(Misconfigured):
        write_video(np.zeros(shape, np.uint8), tmp_path / "a.mp4", frame_rate=24)
    assert list(tmp_path.iterdir()) == []


_ON_A_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from ltxv.errors import Misconfigured
from ltxv.media.write import write_video
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
noise = np.random.default_rng(0).integers(0, 255, (24, 128, 128, 3), dtype=np.uint8)
try:
    write_video(noise, Path(sys.argv[1]), frame_rate=24)
except Misconfigured as error:
    print(error)
"""


def test_a_file_that_cannot_grow_leaves_nothing(tmp_path: Path) -> None:
    """Where there is no more room the error says so and no half file stays."""
    done = subprocess.run(
        [sys.executable, "-c", _ON_A_FULL_DISK, str(tmp_path / "a.mp4")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("the video cannot be written")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """The caller learns that it cannot be written, not a traceback of ffmpeg."""
    with pytest.raises(Misconfigured, match="cannot be written"):
        write_video(moving(), tmp_path / "none" / "a.mp4", frame_rate=24)


def test_ffmpeg_can_decode_every_frame(tmp_path: Path) -> None:
    """A strict decode of the file reports nothing."""
    file = tmp_path / "a.mp4"
    write_video(moving(), file, frame_rate=24)
    done = subprocess.run(
        [ffmpeg_binary(), "-v", "warning", "-xerror", "-i", str(file), "-f", "null", "-"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
