"""Prepared media against an independent computation of what the reference makes of them."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ltxv.engine import Frames
from ltxv.errors import Misconfigured, Refused
from ltxv.media.binaries import ffmpeg_binary
from ltxv.media.compress import compress
from ltxv.media.compress_work import CompressWork
from ltxv.media.frames import read_frames
from ltxv.media.write import write_video

LOC = ("images", 0, "image_url")
WIDE = (854, 480)
CODECS = ["-c:v", "libx264", "-preset", "veryfast", "-threads", "1"]

Picture = NDArray[np.uint8]


def ffmpeg(*arguments: str, fed: bytes = b"") -> bytes:
    """Run ffmpeg and return what it wrote to its output."""
    command = [ffmpeg_binary(), "-v", "error", "-y", *arguments]
    return subprocess.run(command, input=fed, capture_output=True, check=True, timeout=60).stdout


def textured(count: int = 1, height: int = 90, width: int = 160) -> Frames:
    """Return seeded noise over a drifting gradient: hard to compress, other in each frame."""
    noise = np.random.default_rng(7).integers(0, 60, (count, height, width, 3))
    slope = np.linspace(0, 150, width)[None, None, :, None]
    return np.clip(slope + noise + np.arange(count)[:, None, None, None], 0, 255).astype(np.uint8)


def cropped(picture: Picture, aspect: tuple[int, int]) -> Picture:
    """Crop as the reference does, with PIL."""
    ratio = aspect[0] / aspect[1]
    height, width, _ = picture.shape
    across, down = (
        (int(height * ratio), height) if width / height > ratio else (width, int(width / ratio))
    )
    left, top = (width - across) // 2, (height - down) // 2
    box = (left, top, left + across, top + down)
    return np.asarray(Image.fromarray(picture).crop(box))


def blurred(picture: Picture) -> Picture:
    """Blur with 3x3 taps of a Gaussian of sigma 1, and cut fractions off as the reference does."""
    taps = np.exp(-0.5 * np.array([-1.0, 0.0, 1.0]) ** 2)
    taps /= taps.sum()
    around = np.pad(picture.astype(np.float64), ((1, 1), (1, 1), (0, 0)), mode="reflect")
    down = sum(tap * around[row : row + picture.shape[0]] for row, tap in enumerate(taps))
    across = sum(tap * down[:, col : col + picture.shape[1]] for col, tap in enumerate(taps))
    return (across + 1e-4).astype(np.uint8)


def alone(picture: Picture, crf: int) -> Picture:
    """Encode one picture as a stream of its own at one frame a second, and decode it again."""
    height, width = (side // 2 * 2 for side in picture.shape[:2])
    even = np.ascontiguousarray(picture[:height, :width])
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", "1"]
    scale = ["-vf", "scale=flags=bilinear,format=yuv420p"]
    coded = ffmpeg(
        *raw, "-i", "pipe:", *scale, *CODECS, "-crf", str(crf), "-f", "h264", "pipe:",
        fed=even.tobytes(),
    )  # fmt: skip
    decoded = ffmpeg(
        "-f", "h264", "-i", "pipe:", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:", fed=coded
    )
    return np.frombuffer(decoded, np.uint8).reshape(height, width, 3)


def psnr(first: Picture, second: Picture) -> float:
    """Return the peak signal-to-noise ratio in dB."""
    assert first.shape == second.shape
    error = ((first.astype(float) - second.astype(float)) ** 2).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def saved(frames: Frames, file: Path) -> Path:
    """Write frames as a lossless clip, 25 a second."""
    _, height, width, _ = frames.shape
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", "25"]
    ffmpeg(*raw, "-i", "pipe:", "-c:v", "ffv1", "-pix_fmt", "bgr0", str(file), fed=frames.tobytes())
    return file


def picture_file(picture: Picture, file: Path) -> Path:
    """Write a picture without loss."""
    Image.fromarray(picture).save(file)
    return file


def prepared(source: Path, work: CompressWork, target: Path | None = None) -> Frames:
    """Compress and read back."""
    target = target or source.with_name("prepared.mkv")
    compress(source, target, work, loc=LOC)
    return read_frames(target)


def numbered(count: int, height: int = 48, width: int = 64) -> Frames:
    """Return frames whose grey level is four times their number."""
    levels = np.arange(count, dtype=np.uint8)[:, None, None, None] * 4
    return np.broadcast_to(levels, (count, height, width, 3)).copy()


def numbers(frames: Frames) -> list[int]:
    """Return the numbers of frames made by ``numbered``, through blur and CRF."""
    return [round(float(frame.mean()) / 4) for frame in frames]


def clip_work(**over: object) -> CompressWork:
    """Return work on a 64x48 clip of 25 frames a second that keeps its shape."""
    values = {"kind": "video", "aspect": (64, 48), "crf": 5, "source_frame_rate": 25, **over}
    return CompressWork.model_validate(values)


@pytest.mark.parametrize("crf", [1, 3, 18, 29, 35, 51])
def test_every_frame_is_as_if_encoded_alone(tmp_path: Path, crf: int) -> None:
    """One stream holds what separate files of one frame would, but for a rounding of the blur."""
    frames = textured(3)
    source = saved(frames, tmp_path / "clip.mkv")
    found = prepared(source, clip_work(aspect=(160, 90), crf=crf, take=3, frames=3))
    for number, frame in enumerate(frames):
        assert psnr(found[number], alone(blurred(frame), crf)) > 40


@pytest.mark.parametrize("crf", [1, 3, 18, 29, 35, 51])
def test_the_codec_is_bit_exact(tmp_path: Path, crf: int) -> None:
    """Pictures on which the two blurs cannot round differently come out equal in every bit."""
    flat = np.zeros((4, 64, 96, 3), np.uint8)
    for number in range(4):
        flat[number, 16 * number :, 32:] = (40 + 60 * number, 200, 90)
    source = saved(flat, tmp_path / "clip.mkv")
    found = prepared(source, clip_work(aspect=(96, 64), crf=crf, take=4, frames=4))
    for number in range(4):
        np.testing.assert_array_equal(found[number], alone(blurred(flat[number]), crf))


@pytest.mark.parametrize("height", [300, 301])
def test_the_crop_is_the_references(tmp_path: Path, height: int) -> None:
    """Both directions are cropped centred and truncated, at the scale of the source.

    One height leaves an odd rest to halve and the other an odd side.
    """
    picture = textured(height=height, width=451)[0]
    source = picture_file(picture, tmp_path / "a.png")
    for aspect, size in {
        (854, 480): (252, 450),
        (480, 854): (300, 168),
        (720, 720): (300, 300),
    }.items():
        (found,) = prepared(source, CompressWork(kind="image", aspect=aspect, crf=1))
        assert found.shape[:2] == size
        expected = blurred(cropped(picture, aspect))[: size[0], : size[1]]
        assert psnr(found, alone(expected, 1)) > 60


def test_crf_0_keeps_the_blurred_picture_whole(tmp_path: Path) -> None:
    """Without compression the picture is blurred and keeps an odd last row and column."""
    picture = textured(height=301, width=451)[0]
    source = picture_file(picture, tmp_path / "a.png")
    (found,) = prepared(source, CompressWork(kind="image", aspect=(451, 301), crf=0))
    assert found.shape == picture.shape
    apart = found.astype(int) - blurred(picture)
    assert set(np.unique(apart)) <= {0, 1}  # rounded here, cut off there


def test_a_higher_crf_loses_more(tmp_path: Path) -> None:
    """The blur takes detail away, and each higher CRF more of it."""
    source = picture_file(textured()[0], tmp_path / "a.png")
    detail = [
        float(np.abs(np.diff(prepared(source, work)[0].astype(int), axis=1)).mean())
        for crf in (0, 18, 29, 40, 51)
        for work in [CompressWork(kind="image", aspect=(160, 90), crf=crf)]
    ]
    assert detail == sorted(detail, reverse=True)
    assert detail[-1] < detail[0] / 2


def test_equal_work_gives_equal_bytes(tmp_path: Path) -> None:
    """Two runs write the same file, as content keys need; another CRF writes another."""
    source = saved(textured(9), tmp_path / "clip.mkv")
    files = []
    for name, crf in (("a", 29), ("b", 29), ("c", 30)):
        compress(
            source,
            tmp_path / f"{name}.mkv",
            clip_work(aspect=WIDE, crf=crf, take=9, frames=9),
            loc=LOC,
        )
        files.append((tmp_path / f"{name}.mkv").read_bytes())
    assert files[0] == files[1] != files[2]


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        ({"take": 30, "frames": 25}, list(range(25))),
        ({"take": 30, "frames": 25, "reverse": True}, list(range(29, 4, -1))),
        ({"take": 9, "frames": 9, "reverse": True}, list(range(8, -1, -1))),
        ({"take": 40, "frames": 1}, [0]),
        ({"take": 40, "frames": 17, "frame_rate": 12.5}, list(range(0, 34, 2))),
        (
            {"take": 40, "frames": 17, "frame_rate": 12.5, "reverse": True},
            list(range(39, 5, -2)),
        ),
    ],
)
def test_the_right_frames_in_the_right_order(
    tmp_path: Path, work: dict[str, object], expected: list[int]
) -> None:
    """Trim comes before reverse, and reverse before the new frame rate."""
    source = saved(numbered(40), tmp_path / "clip.mkv")
    found = numbers(prepared(source, clip_work(**work)))
    assert len(found) == len(expected)
    assert max(abs(one - other) for one, other in zip(found, expected, strict=True)) <= 1
    if "frame_rate" not in work:
        assert found == expected


@pytest.mark.parametrize("rate", [24, 30, 60, 23.976, 7])
def test_resampling_gives_the_planned_number_of_frames(tmp_path: Path, rate: float) -> None:
    """Whatever the rate, there are as many frames as take times the rates' ratio, whole."""
    source = saved(numbered(40), tmp_path / "clip.mkv")
    frames = int(40 * rate / 25)
    found = numbers(prepared(source, clip_work(take=40, frame_rate=rate, frames=frames)))
    assert len(found) == frames
    # What was to be seen at that moment: the last frame that had begun.
    for place, number in enumerate(found):
        assert abs(number - math.floor(place * 25 / rate + 0.05)) <= 1
    assert found[0] == 0


def test_a_clip_that_turns_out_short_is_refused(tmp_path: Path) -> None:
    """A source with fewer frames than were counted is no clip that stands still at its end."""
    source = saved(numbered(10), tmp_path / "clip.mkv")
    with pytest.raises(Refused) as caught:
        prepared(source, clip_work(take=25, frames=25))
    assert caught.value.detail[0]["loc"] == ["body", *LOC]


def test_a_picture_is_turned_upright(tmp_path: Path) -> None:
    """The orientation in a photo's EXIF tags is applied before the crop."""
    picture = np.zeros((60, 100, 3), np.uint8)
    picture[:, :50] = (220, 30, 30)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture).save(tmp_path / "a.jpg", exif=exif, quality=95)
    (found,) = prepared(tmp_path / "a.jpg", CompressWork(kind="image", aspect=(60, 100), crf=5))
    assert found.shape == (100, 60, 3)
    assert found[:40, :, 0].mean() > 200
    assert found[60:, :, 0].mean() < 20


def test_a_clip_is_turned_upright(tmp_path: Path) -> None:
    """The rotation that a phone writes into a clip is applied before the crop."""
    frames = np.zeros((9, 48, 80, 3), np.uint8)
    frames[:, :, :40] = 230
    write_video(frames, tmp_path / "flat.mp4", frame_rate=25)
    ffmpeg(
        "-display_rotation", "-90", "-i", str(tmp_path / "flat.mp4"), "-c", "copy",
        str(tmp_path / "turned.mp4"),
    )  # fmt: skip
    found = prepared(tmp_path / "turned.mp4", clip_work(aspect=(48, 80), take=9, frames=9))
    assert found.shape == (9, 80, 48, 3)
    assert found[:, :30].mean() > 200
    assert found[:, 50:].mean() < 20


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1", "I;16"])
def test_every_mode_of_picture_becomes_rgb(tmp_path: Path, mode: str) -> None:
    """Grey, palette, alpha, print colours, 1 and 16 bits are all brought to 8-bit RGB."""
    source = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    if mode == "I;16":
        Image.fromarray(np.full((48, 64), 200 * 257, np.uint16)).save(source)
    else:
        Image.new("RGB", (64, 48), (200, 200, 200)).convert(mode, dither=0).save(source)
    (found,) = prepared(source, CompressWork(kind="image", aspect=(64, 48), crf=5))
    level = 255 if mode == "1" else 200
    assert np.abs(found.astype(int) - level).max() <= 3


@pytest.mark.parametrize("pixels", ["yuv420p10le", "yuv444p", "yuv422p", "gray"])
def test_every_kind_of_pixel_is_read(tmp_path: Path, pixels: str) -> None:
    """10-bit, fuller chroma and grey clips are brought to 8-bit RGB."""
    source = tmp_path / "a.mkv"
    grey = "color=c=0x909090:s=64x48:r=25:d=0.4"
    ffmpeg("-f", "lavfi", "-i", grey, "-pix_fmt", pixels, "-c:v", "ffv1", str(source))
    found = prepared(source, clip_work(take=9, frames=9))
    assert np.abs(found.astype(int) - 0x90).max() <= 4


def test_pixels_that_are_not_square_are_shown_as_seen(tmp_path: Path) -> None:
    """A clip of wide pixels is cropped by its displayed width."""
    source = tmp_path / "a.mkv"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=0.4", "-vf", "setsar=2", "-c:v", "ffv1",
        str(source),
    )  # fmt: skip
    assert prepared(source, clip_work(aspect=(128, 48), take=1)).shape == (1, 48, 128, 3)


def test_a_full_disk_is_the_operators(tmp_path: Path) -> None:
    """Room that is missing is not blamed on the picture."""
    source = picture_file(textured()[0], tmp_path / "a.png")
    # Where the unfinished file is written, there is no room.
    (tmp_path / ".prepared.mkv.part").symlink_to("/dev/full")
    with pytest.raises(Misconfigured, match="free some space"):
        prepared(source, CompressWork(kind="image", aspect=WIDE, crf=1))
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_a_folder_that_is_missing_is_the_operators(tmp_path: Path) -> None:
    """A target that cannot be written is not blamed on the picture either."""
    source = picture_file(textured()[0], tmp_path / "a.png")
    work = CompressWork(kind="image", aspect=WIDE, crf=1)
    with pytest.raises(Misconfigured, match="another folder"):
        prepared(source, work, tmp_path / "nowhere" / "prepared.mkv")


def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    """A finished file is replaced by a finished file only, and nothing half made stays."""
    source = picture_file(textured()[0], tmp_path / "a.png")
    target = tmp_path / "prepared.mkv"
    work = CompressWork(kind="image", aspect=WIDE, crf=29)
    before = prepared(source, work, target)
    short = saved(numbered(3), tmp_path / "clip.mkv")
    with pytest.raises(Refused):
        prepared(short, clip_work(take=9, frames=9), target)
    np.testing.assert_array_equal(read_frames(target), before)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.png", "clip.mkv", target.name]


def test_a_refusal_says_nothing_of_this_machine(tmp_path: Path) -> None:
    """A clip that cannot be decoded is refused in words for its sender, without any path."""
    source = tmp_path / "clip.mp4"
    source.write_bytes(b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + b"\xff" * 4096)
    with pytest.raises(Refused) as caught:
        prepared(source, clip_work(take=9, frames=9))
    (violation,) = caught.value.detail
    assert violation["type"] == "unsupported_video_format"
    assert violation["loc"] == ["body", *LOC]
    assert str(tmp_path) not in violation["msg"]
    assert "filter" not in violation["msg"]


@pytest.mark.parametrize("crf", [0, 1, 20])
def test_colours_stay_what_they_are(tmp_path: Path, crf: int) -> None:
    """Patches of the strongest colours come back without a cast, from picture and clip alike."""
    patches = np.array(
        [
            [[255, 0, 0], [0, 255, 0], [0, 0, 255]],
            [[255, 255, 0], [0, 255, 255], [255, 0, 255]],
            [[0, 0, 0], [255, 255, 255], [128, 128, 128]],
        ],
        dtype=np.uint8,
    )
    picture = patches.repeat(32, axis=0).repeat(32, axis=1)
    photo = picture_file(picture, tmp_path / "a.png")
    clip = saved(np.stack([picture] * 2), tmp_path / "clip.mkv")
    for source, work in (
        (photo, CompressWork(kind="image", aspect=(96, 96), crf=crf)),
        (clip, clip_work(aspect=(96, 96), crf=crf, take=2, frames=2)),
    ):
        found = prepared(source, work)[-1].reshape(3, 32, 3, 32, 3)[:, 8:24, :, 8:24].astype(int)
        assert np.abs(found - patches[:, None, :, None].astype(int)).mean(axis=(1, 3)).max() <= 4


@pytest.mark.parametrize("kind", ["image", "video"])
def test_a_gif_is_either(tmp_path: Path, kind: str) -> None:
    """An animated GIF gives its first frame as a picture and all of them as a clip."""
    first, *others = (Image.fromarray(frame) for frame in numbered(60)[::15])
    first.save(tmp_path / "a.gif", save_all=True, append_images=others, duration=40)
    count = 1 if kind == "image" else 4
    work = clip_work(kind=kind, take=count, frames=count)
    assert numbers(prepared(tmp_path / "a.gif", work)) == [0, 15, 30, 45][:count]


@pytest.mark.parametrize(
    "content",
    [b"", b"#EXTM3U\nfile:///etc/passwd\n", b"ffconcat version 1.0\nfile a.mp4\n", b"\0" * 4096],
)
def test_nothing_but_a_clip_is_opened(tmp_path: Path, content: bytes) -> None:
    """Playlists and scripts are refused here too, whoever let them pass."""
    source = tmp_path / "a.mp4"
    source.write_bytes(content)
    with pytest.raises(Refused):
        prepared(source, clip_work(take=9, frames=9))


def test_reversing_starts_from_the_last_frame_at_any_rate(tmp_path: Path) -> None:
    """The result begins with the last frame used and steps back by the ratio of the rates."""
    source = saved(numbered(40), tmp_path / "clip.mkv")
    for rate, count in ((24, 33), (60, 81), (10, 9)):
        work = clip_work(take=36, frame_rate=rate, frames=count, reverse=True)
        found = numbers(prepared(source, work))
        assert len(found) == count
        assert found[0] == 35
        for place, number in enumerate(found):
            assert abs(number - (35 - place * 25 / rate)) <= 1


@pytest.mark.parametrize(("rate", "step"), [(30, 1), (15, 2), (10, 3)])
def test_times_in_whole_milliseconds_lose_no_frame(tmp_path: Path, rate: int, step: int) -> None:
    """A WebM or MKV of 30 frames a second, whose times are rounded, is resampled evenly."""
    clip = saved(numbered(40), tmp_path / "clip.mkv")
    source = tmp_path / "rounded.mkv"
    ffmpeg("-r", "30", "-i", str(clip), "-c:v", "ffv1", str(source))
    frames = 39 // step
    work = clip_work(take=40, source_frame_rate=30, frame_rate=rate, frames=frames)
    assert numbers(prepared(source, work)) == list(range(0, frames * step, step))


def test_an_uneven_clip_is_resampled_by_its_times(tmp_path: Path) -> None:
    """Frames that last long are repeated and frames that last short are dropped."""
    even = saved(numbered(40), tmp_path / "even.mkv")
    source = tmp_path / "uneven.mkv"
    # 20 frames of 40 ms, then 10 of 80 ms.
    uneven = "select='lt(n,20)+not(mod(n,2))'"
    ffmpeg("-i", str(even), "-vf", uneven, "-fps_mode", "vfr", "-c:v", "ffv1", str(source))
    work = clip_work(take=30, source_frame_rate=29 / 1.52, frame_rate=12.5, frames=17)
    assert numbers(prepared(source, work)) == list(range(0, 34, 2))
