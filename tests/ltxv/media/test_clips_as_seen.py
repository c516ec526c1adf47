"""Clips of every kind come out as a player shows them, frame by frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ltxv.engine import Frames
from ltxv.media.compress import compress
from ltxv.media.compress_work import CompressWork
from ltxv.media.frames import read_frames
from ltxv.media.probe import Probe, probe
from tests.media_samples import BARS, QUARTERS, X264, clip, lossless, picture, quarters, remade

LOC = ("videos", 0, "video_url")
STEP = 12


def look(content: bytes, folder: Path) -> Probe:
    """Return what the file is found to be."""
    source = folder / "source"
    source.write_bytes(content)
    return probe(source, loc=LOC, expect="video")


def seen(content: bytes, folder: Path, **work: Any) -> Frames:
    """Return the frames that the model is given, uncompressed; all of them if not said."""
    found, target = look(content, folder), folder / "prepared.mkv"
    values = {
        "kind": "video",
        "aspect": (found.width, found.height),
        "crf": 0,
        "take": found.frames,
        "frames": found.frames,
        "even": found.held,
        "source_frame_rate": found.frame_rate,
        **work,
    }
    compress(folder / "source", target, CompressWork.model_validate(values), loc=LOC)
    return read_frames(target)


def grey(numbers: list[int]) -> list[Image.Image]:
    """Return a grey frame for each number."""
    return [Image.new("RGB", (64, 48), (STEP * number,) * 3) for number in numbers]


def numbers(frames: Frames) -> list[int]:
    """Return the numbers that ``grey`` frames show."""
    return [round(float(frame.mean()) / STEP) for frame in frames]


def corners(frame: Frames) -> list[list[int]]:
    """Return the colours in the middle of the four quarters."""
    height, width, _ = frame.shape
    rows, columns = (height // 4, 3 * height // 4), (width // 4, 3 * width // 4)
    return [frame[row, column].astype(int).tolist() for row in rows for column in columns]


def assert_close(found: Any, expected: Any, *, within: int) -> None:
    """Fail unless colours are the same but for coding."""
    assert np.abs(np.array(found) - np.array(expected)).max() <= within, (found, expected)


def still(image: Image.Image, count: int = 4) -> Frames:
    """Return a picture several times."""
    return np.repeat(np.asarray(image)[np.newaxis], count, axis=0)


@pytest.mark.parametrize(
    ("matrix", "turned"),
    [
        (["-display_rotation", "90"], Image.Transpose.ROTATE_90),
        (["-display_rotation", "180"], Image.Transpose.ROTATE_180),
        (["-display_rotation", "270"], Image.Transpose.ROTATE_270),
        (["-display_hflip"], Image.Transpose.FLIP_LEFT_RIGHT),
        (["-display_vflip"], Image.Transpose.FLIP_TOP_BOTTOM),
    ],
)
def test_a_phones_clip_is_upright(
    tmp_path: Path, matrix: list[str], turned: Image.Transpose
) -> None:
    """What the display matrix says is done: turned and mirrored as on the phone."""
    flat = remade("flat.mp4", lossless(still(quarters())), "-i", "source", *X264, "-crf", "5")
    content = remade("turned.mp4", flat, *matrix, "-i", "source", "-c", "copy")
    expected = np.asarray(quarters().transpose(turned))
    frame = seen(content, tmp_path)[0]
    assert frame.shape == expected.shape
    assert_close(corners(frame), corners(expected), within=10)


@pytest.mark.parametrize("order", ["tff", "bff"])
def test_interlaced_frames_have_no_combs(tmp_path: Path, order: str) -> None:
    """A bar that moves sideways has straight edges, though its two fields are apart in time."""
    moving = np.zeros((20, 96, 128, 3), np.uint8)
    for number in range(20):
        moving[number, :, 6 * number : 6 * number + 16] = 220
    woven = ["-vf", f"interlace=scan={order}:lowpass=0", "-flags", "+ildct+ilme"]
    content = remade(
        "woven.mp4", lossless(moving, rate="50"), "-i", "source", *woven, *X264, "-crf", "5"
    )
    frames = seen(content, tmp_path).astype(int)
    assert len(frames) == 10
    combs = np.abs(2 * frames[:, 1:-1] - frames[:, :-2] - frames[:, 2:]).mean(axis=(1, 2, 3))
    assert combs[2:-2].max() < 4
    assert frames[5].max() > 180


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9", "prores_ks"])
def test_what_is_transparent_is_shown_on_white(tmp_path: Path, codec: str) -> None:
    """A cut-out in WebM or ProRes stands on white, as pictures do."""
    name, pixels = {"prores_ks": ("a.mov", "yuva444p10le")}.get(codec, ("a.webm", "yuva420p"))
    hole = "format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='if(lt(X,48),0,255)'"
    coded = ["-c:v", codec, "-pix_fmt", pixels]
    fast = ["-cpu-used", "8", "-crf", "5", "-b:v", "2M"] if "vpx" in codec else []
    fast += ["-auto-alt-ref", "0"] if codec == "libvpx" else []
    content = remade(name, lossless(still(quarters())), "-i", "source", "-vf", hole, *coded, *fast)
    found = corners(seen(content, tmp_path)[0])
    white = [255, 255, 255]
    assert_close(found, [white, QUARTERS[1], white, QUARTERS[3]], within=16)


@pytest.mark.parametrize("form", ["GIF", "WEBP"])
def test_a_sticker_moves_on_white(tmp_path: Path, form: str) -> None:
    """A frame of an animation that is cleared away leaves white and no black."""
    frames = []
    for place in range(3):
        frame = Image.new("RGBA", (96, 64), (0, 0, 0, 0))
        frame.paste((*QUARTERS[place], 255), (32 * place, 0, 32 * place + 32, 64))
        frames.append(frame)
    options = {"lossless": True} if form == "WEBP" else {"disposal": 2}
    content = picture(
        frames[0], form, save_all=True, append_images=frames[1:], duration=50, **options
    )
    for place, frame in enumerate(seen(content, tmp_path)):
        expected = [[255] * 3] * 3
        expected[place] = list(QUARTERS[place])
        assert_close(frame[32, 16::32].astype(int), expected, within=6)


@pytest.mark.parametrize(("transfer", "white"), [("smpte2084", 0.58), ("arib-std-b67", 0.75)])
def test_hdr_is_brought_to_the_range_of_a_screen(
    tmp_path: Path, transfer: str, white: float
) -> None:
    """Paper white of PQ and HLG is bright and not grey; black stays black and greys keep apart."""
    signal = [0.0, 0.3, 0.45, white, 0.9]
    ramp = np.zeros((4, 64, 160, 3), np.uint8)
    for place, level in enumerate(signal):
        ramp[:, :, 32 * place : 32 * place + 32] = round(255 * level)
    tagged = (
        f"format=yuv444p10,setparams=color_trc={transfer}:color_primaries=bt2020:"
        "colorspace=bt2020nc:range=tv"
    )
    converted = f"scale=out_color_matrix=bt2020:out_range=tv,{tagged}"
    content = remade(
        "hdr.mkv", lossless(ramp), "-i", "source", "-vf", converted, "-c:v", "ffv1",
    )  # fmt: skip
    levels = seen(content, tmp_path)[0][32, 16::32].astype(int)
    assert np.abs(levels - levels[:, :1]).max() <= 3
    shades = levels[:, 0].tolist()
    assert shades == sorted(set(shades))
    assert shades[0] <= 3
    assert 190 <= shades[3] <= 245
    assert shades[4] > shades[3]


@pytest.mark.parametrize("pixels", ["yuv420p10le", "yuv422p12le", "yuv444p"])
def test_deep_and_full_colour_is_kept(tmp_path: Path, pixels: str) -> None:
    """Clips of more bits or more chroma keep their colours."""
    content = lossless(still(quarters()), pixels=pixels)
    assert_close(corners(seen(content, tmp_path)[0]), QUARTERS, within=4)


@pytest.mark.parametrize("matrix", ["bt709", "bt601"])
def test_colours_are_those_of_the_stated_matrix(tmp_path: Path, matrix: str) -> None:
    """HD and SD say how their colours were coded, and are decoded by that."""
    coded = ["-vf", f"scale=out_color_matrix={matrix},format=yuv444p"]
    stated = {"bt709": "bt709", "bt601": "smpte170m"}[matrix]
    content = remade(
        "a.mkv", lossless(still(quarters())), "-i", "source", *coded, "-c:v", "ffv1",
        "-colorspace", stated,
    )  # fmt: skip
    assert_close(corners(seen(content, tmp_path)[0]), QUARTERS, within=4)


def test_hd_that_states_no_matrix_is_taken_for_hd(tmp_path: Path) -> None:
    """A large clip without a tag is decoded as players do it, by BT.709."""
    large = quarters().resize((1280, 720), Image.Resampling.NEAREST)
    coded = ["-vf", "scale=out_color_matrix=bt709,format=yuv444p,setparams=colorspace=unknown"]
    content = remade("a.mkv", lossless(still(large, 1)), "-i", "source", *coded, "-c:v", "ffv1")
    assert_close(corners(seen(content, tmp_path)[0]), QUARTERS, within=4)


@pytest.mark.parametrize("form", ["GIF", "WEBP"])
def test_an_animation_keeps_the_time_of_every_frame(tmp_path: Path, form: str) -> None:
    """A frame that is held is there for each tick of the shortest one."""
    first, *later = grey([1, 5, 9, 13])
    durations = [100, 300, 100, 200]
    lossless_ = {"lossless": True} if form == "WEBP" else {}
    content = picture(
        first, form, save_all=True, append_images=later, duration=durations, **lossless_
    )
    found = look(content, tmp_path)
    assert (found.content_type, found.frames) == (f"image/{form.lower()}", 7)
    assert (found.frame_rate, found.seconds) == (10, pytest.approx(0.7))
    assert numbers(seen(content, tmp_path)) == [1, 5, 5, 5, 9, 13, 13]


@pytest.mark.parametrize("form", ["GIF", "WEBP"])
def test_an_even_animation_is_its_frames(tmp_path: Path, form: str) -> None:
    """Frames that last equally long come once each."""
    first, *later = grey([1, 5, 9])
    options = {"lossless": True} if form == "WEBP" else {}
    content = picture(first, form, save_all=True, append_images=later, duration=40, **options)
    assert look(content, tmp_path).frame_rate == 25
    assert numbers(seen(content, tmp_path)) == [1, 5, 9]


def test_a_webp_that_does_not_move_is_no_clip(tmp_path: Path) -> None:
    """A still WebP belongs to the images."""
    from ltxv.errors import Refused  # noqa: PLC0415

    with pytest.raises(Refused, match="send it under images"):
        look(picture(quarters(), "WEBP"), tmp_path)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm"])
def test_a_changing_rate_keeps_its_times(tmp_path: Path, name: str) -> None:
    """Frames that a phone or a recorder held are seen for as long as it held them."""
    frames = np.stack([np.asarray(image) for image in grey(list(range(20)))])
    kept = "select='lt(n,6)+eq(n,9)+eq(n,10)+gte(n,14)'"
    codec = (
        ["-c:v", "libvpx", "-crf", "4", "-b:v", "9M"] if name == "a.webm" else [*X264, "-qp", "4"]
    )
    content = remade(
        name, lossless(frames), "-i", "source", "-vf", kept, "-fps_mode", "vfr", *codec
    )
    shown = [*range(6), 5, 5, 5, 9, 10, 10, 10, 10, *range(14, 20)]
    assert numbers(seen(content, tmp_path))[:20] == shown
    backwards = seen(content, tmp_path, take=20, frames=17, reverse=True)
    assert numbers(backwards) == shown[:2:-1]
    slower = seen(content, tmp_path, take=20, frames=9, frame_rate=12.5)
    assert numbers(slower) == shown[:18:2]


def test_a_little_jitter_changes_nothing(tmp_path: Path) -> None:
    """A phone's 30 frames a second, some milliseconds early or late, are its frames."""
    frames = np.stack([np.asarray(image) for image in grey(list(range(20)))])
    jitter = "settb=1/1000,setpts='N*33+mod(N*7,5)'"
    content = remade(
        "a.mkv", lossless(frames), "-i", "source", "-vf", jitter, "-fps_mode", "passthrough",
        "-enc_time_base", "1/1000", *X264, "-qp", "4",
    )  # fmt: skip
    found = look(content, tmp_path)
    assert (found.held, found.frames) == (False, 20)
    assert numbers(seen(content, tmp_path)) == list(range(20))


def test_the_first_moving_picture_is_the_clip(tmp_path: Path) -> None:
    """Of several video streams the first is used, as players do; cover art is none."""
    two = ["-f", "lavfi", "-i", "color=c=red:s=96x64:r=25:d=0.4"]
    two += ["-f", "lavfi", "-i", "color=c=blue:s=128x96:r=25:d=0.4", "-map", "0", "-map", "1"]
    for name in ("a.mkv", "a.mp4"):
        frames = seen(clip(name, *two, *X264), tmp_path)
        assert frames.shape == (10, 64, 96, 3)
        assert_close(frames.mean(axis=(0, 1, 2)), (254, 0, 0), within=4)


def test_an_edit_list_cuts_what_it_cuts(tmp_path: Path) -> None:
    """Frames before the edit, which a player decodes and never shows, are not the clip's."""
    frames = np.stack([np.asarray(image) for image in grey(list(range(20)))])
    whole = remade("a.mp4", lossless(frames), "-i", "source", *X264, "-qp", "4", "-g", "20")
    content = remade("cut.mp4", whole, "-ss", "0.32", "-i", "source", "-c", "copy")
    assert numbers(seen(content, tmp_path)) == list(range(8, 20))


@pytest.mark.parametrize("size", ["97x65", "33x47", "640x33"])
def test_odd_sizes_lose_nothing(tmp_path: Path, size: str) -> None:
    """Odd rows and columns of a clip are kept to the end."""
    content = clip("a.mkv", "-f", "lavfi", "-i", f"testsrc=size={size}:rate=5:duration=1",
                   "-c:v", "ffv1")  # fmt: skip
    width, height = map(int, size.split("x"))
    assert seen(content, tmp_path).shape == (5, height, width, 3)


def test_a_live_recording_has_the_length_of_its_frames(tmp_path: Path) -> None:
    """A browser's recording states no duration; its frames do."""
    content = clip("a.webm", *BARS, "-c:v", "libvpx", "-f", "webm", "-live", "1")
    found = look(content, tmp_path)
    assert (found.frames, found.frame_rate) == (24, 24)
    assert len(seen(content, tmp_path)) == 24
