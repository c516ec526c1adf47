"""What is found out about clips by decoding them, and which are refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from PIL import Image

from ltxv.errors import Refused
from ltxv.media.binaries import ffmpeg_binary
from ltxv.media.probe import MediaLimits, Probe, probe

LOC = ("videos", 0, "video_url")
BARS = ["-f", "lavfi", "-i", "testsrc2=size=96x64:rate=24:duration=1"]
TONE = ["-f", "lavfi", "-i", "sine=duration=1"]
X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]


def made(target: Path, *options: str | Path) -> Path:
    """Run ffmpeg with these options and return the file it wrote."""
    command = [ffmpeg_binary(), "-v", "error", "-y", *options, target]
    subprocess.run([str(part) for part in command], check=True, timeout=60)
    return target


def look(path: Path, **limits: float) -> Probe:
    """Probe a file that is expected to be a clip."""
    return probe(path, loc=LOC, expect="video", limits=MediaLimits.model_validate(limits))


def refusal(path: Path, **limits: float) -> tuple[str, str, dict[str, object]]:
    """Return type, message and context of the one refusal of a file as a clip."""
    with pytest.raises(Refused) as refused:
        look(path, **limits)
    (violation,) = refused.value.violations
    assert violation.loc == LOC
    assert str(path.parent) not in violation.msg
    return violation.type, violation.msg, dict(violation.ctx)


@pytest.fixture(scope="module")
def mp4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 24 frames with sound, its index at the front."""
    target = tmp_path_factory.mktemp("clip") / "bars.mp4"
    return made(target, *BARS, *TONE, *X264, "-movflags", "+faststart")


@pytest.mark.parametrize(
    ("name", "codec", "content_type"),
    [
        ("a.mp4", X264, "video/mp4"),
        ("a.mp4", ["-c:v", "libx264", "-pix_fmt", "yuv420p10le"], "video/mp4"),
        ("a.mp4", ["-c:v", "libsvtav1", "-preset", "12"], "video/mp4"),
        ("a.mp4", [*X264, "-movflags", "+frag_keyframe+empty_moov"], "video/mp4"),
        ("a.mov", ["-c:v", "prores_ks"], "video/quicktime"),
        ("a.mov", ["-c:v", "libx265", "-preset", "ultrafast"], "video/quicktime"),
        ("a.webm", ["-c:v", "libvpx-vp9", "-cpu-used", "8"], "video/webm"),
        ("a.webm", ["-c:v", "libvpx", "-cpu-used", "8"], "video/webm"),
        ("a.mkv", X264, "video/x-matroska"),
        ("a.mkv", [*X264, "-f", "matroska", "-live", "1"], "video/x-matroska"),
        ("a.avi", ["-c:v", "mpeg4"], "video/x-msvideo"),
        ("a.avi", ["-c:v", "mjpeg"], "video/x-msvideo"),
    ],
)
def test_reads_what_cameras_browsers_and_editors_write(
    tmp_path: Path, name: str, codec: list[str], content_type: str
) -> None:
    """Every frame is counted, whatever the container, the codec and the depth of the pixels."""
    file = made(tmp_path / name, *BARS, *codec)
    assert look(file) == Probe(
        kind="video",
        content_type=content_type,
        width=96,
        height=64,
        rotation=0,
        frames=24,
        frame_rate=24,
        seconds=1,
    )


def test_an_animated_gif_is_a_clip_with_its_own_rate(tmp_path: Path) -> None:
    """A GIF's delays, hundredths of a second, give the rate."""
    frames = [Image.new("RGB", (40, 32), (shade, 0, 0)) for shade in (0, 100, 200)]
    file = tmp_path / "a.gif"
    frames[0].save(file, save_all=True, append_images=frames[1:], duration=100, loop=0)
    found = look(file)
    assert (found.content_type, found.frames, found.frame_rate) == ("image/gif", 3, 10)


def test_the_name_says_nothing(tmp_path: Path, mp4: Path) -> None:
    """A clip is what it is under any name, the ones that mean something to ffmpeg included."""
    for name in ("media", "a.jpg", "%03d.png", "-i", "concat:x", "a|b.m3u8"):
        file = tmp_path / name
        file.write_bytes(mp4.read_bytes())
        assert look(file).frames == 24


@pytest.mark.parametrize(("degrees", "size"), [(90, (64, 96)), (180, (96, 64)), (270, (64, 96))])
def test_size_is_as_displayed(
    tmp_path: Path, mp4: Path, degrees: int, size: tuple[int, int]
) -> None:
    """A phone's portrait clip is stored lying down and said to be upright."""
    file = made(tmp_path / "r.mp4", "-display_rotation", str(degrees), "-i", mp4, "-c", "copy")
    found = look(file)
    assert (found.width, found.height, found.rotation) == (*size, degrees)


def test_pixels_that_are_not_square_count_for_their_width(tmp_path: Path) -> None:
    """An anamorphic clip is as wide as players show it."""
    file = made(tmp_path / "sar.mp4", *BARS, "-vf", "setsar=4/3", *X264)
    found = look(file)
    assert (found.width, found.height) == (128, 64)


def test_odd_sizes_are_kept(tmp_path: Path) -> None:
    """A side need not be even in a clip that is sent."""
    source = ["-f", "lavfi", "-i", "testsrc=size=97x65:rate=5:duration=1"]
    found = look(made(tmp_path / "odd.mkv", *source, "-c:v", "ffv1"))
    assert (found.width, found.height) == (97, 65)


@pytest.mark.parametrize("name", ["vfr.mp4", "vfr.mkv"])
def test_frames_that_last_longer_count_for_each_tick(tmp_path: Path, name: str) -> None:
    """A clip of frames that last unequally long is known by the steady one that shows the same."""
    uneven = "select='not(mod(n\\,2))+lt(n\\,12)'"
    file = made(tmp_path / name, *BARS, "-vf", uneven, "-fps_mode", "vfr", *X264)
    found = look(file)
    assert found.held
    assert found.frames in (23, 24)  # Matroska does not say how long the last one is
    assert found.frame_rate == pytest.approx(24, abs=0.1)


def test_a_fractional_rate_survives_rounded_times(tmp_path: Path) -> None:
    """Matroska's milliseconds do not blur 30000/1001."""
    source = ["-f", "lavfi", "-i", "testsrc2=size=96x64:rate=30000/1001:duration=1"]
    assert look(made(tmp_path / "a.mkv", *source, *X264)).frame_rate == 30000 / 1001


def test_a_single_frame_is_a_clip(tmp_path: Path) -> None:
    """One frame has the rate its container states."""
    found = look(made(tmp_path / "one.mp4", *BARS, "-frames:v", "1", *X264))
    assert (found.frames, found.frame_rate) == (1, 24)


def test_frames_outside_the_edit_do_not_count(tmp_path: Path, mp4: Path) -> None:
    """What an edit list cuts from a clip is not in it."""
    file = made(tmp_path / "cut.mp4", "-ss", "0.5", "-i", mp4, "-c", "copy")
    assert look(file).frames == 12


def test_cover_art_and_attachments_are_not_the_clip(tmp_path: Path, mp4: Path) -> None:
    """A picture that stands before the moving one is passed over."""
    cover = made(tmp_path / "cover.png", *BARS, "-frames:v", "1", "-s", "200x100")
    both = ["-i", cover, "-i", mp4, "-map", "0", "-map", "1:v", "-c", "copy"]
    with_cover = made(tmp_path / "cover.mp4", *both, "-disposition:v:0", "attached_pic")
    attach = ["-attach", cover, "-metadata:s:t", "mimetype=image/png"]
    with_attachment = made(tmp_path / "a.mkv", "-i", mp4, *attach, "-c", "copy")
    for file in (with_cover, with_attachment):
        found = look(file)
        assert (found.width, found.frames) == (96, 24)


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    """A clip without a moving picture is named as that, cover art or not."""
    cover = made(tmp_path / "cover.png", *BARS, "-frames:v", "1")
    sound = made(tmp_path / "a.mp4", *TONE)
    covered = ["-i", sound, "-i", cover, "-map", "0", "-map", "1", "-c", "copy"]
    album = made(tmp_path / "b.mp4", *covered, "-disposition:v", "attached_pic")
    for file in (sound, album):
        type_, msg, _ = refusal(file)
        assert type_ == "unsupported_video_format"
        assert "no moving picture" in msg


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", [*X264, "-movflags", "+faststart"]),
        ("a.mp4", X264),
        ("a.mkv", X264),
        ("a.webm", ["-c:v", "libvpx", "-cpu-used", "8"]),
        ("a.avi", ["-c:v", "mpeg4"]),
        ("a.gif", []),
    ],
)
@pytest.mark.parametrize("kept", [0.05, 0.7])
def test_a_clip_that_is_cut_off_is_refused(
    tmp_path: Path, name: str, codec: list[str], kept: float
) -> None:
    """Half a download is never taken for a shorter clip."""
    file = made(tmp_path / name, *BARS, *codec)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * kept)])
    type_, msg, _ = refusal(file)
    assert type_ == "unsupported_video_format"
    assert "send it again, whole" in msg


def test_a_gif_without_its_last_byte_is_whole(tmp_path: Path) -> None:
    """Many programs leave the trailer out; no frame is missing."""
    file = made(tmp_path / "a.gif", *BARS)
    file.write_bytes(file.read_bytes()[:-1])
    assert look(file).frames == 24


def test_damage_in_the_middle_is_refused(tmp_path: Path, mp4: Path) -> None:
    """Frames that do not decode are not passed on as grey ones."""
    content = bytearray(mp4.read_bytes())
    start = content.index(b"mdat") + 400
    content[start : start + 1500] = b"\xa5" * 1500
    file = tmp_path / "damaged.mp4"
    file.write_bytes(content)
    assert refusal(file)[0] == "unsupported_video_format"


def test_a_rare_decoder_is_never_run(tmp_path: Path) -> None:
    """A codec that no camera, browser or editor writes is refused by its container's word."""
    file = made(tmp_path / "zmbv.avi", *BARS, "-c:v", "zmbv")
    assert refusal(file)[0] == "unsupported_video_format"


def test_too_long_is_refused_by_the_header(mp4: Path) -> None:
    """The limit, the length and the remedy are in the refusal."""
    type_, msg, ctx = refusal(mp4, max_seconds=0.5, max_decode_seconds=0.001)
    assert type_ == "video_duration_too_long"
    assert "1.0 seconds" in msg
    assert ctx["max_duration"] == 0.5


def test_too_long_is_refused_where_no_header_says_so(tmp_path: Path) -> None:
    """A recording that states no length is held to the limit by its frames."""
    live = ["-f", "matroska", "-live", "1"]
    file = made(tmp_path / "live.mkv", *BARS, *X264, *live)
    assert refusal(file, max_seconds=0.5)[0] == "video_duration_too_long"


def test_too_many_frames_are_refused(mp4: Path) -> None:
    """Counting ends at the limit."""
    type_, msg, ctx = refusal(mp4, max_frames=23)
    assert type_ == "video_duration_too_long"
    assert "more than 23 frames" in msg
    assert ctx["max_frames"] == 23
    assert look(mp4, max_frames=24).frames == 24


def test_a_clip_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """No clip holds a processor for longer than allowed."""
    large = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30:duration=4"]
    file = made(tmp_path / "large.mp4", *large, *X264)
    type_, msg, _ = refusal(file, max_decode_seconds=0.05)
    assert type_ == "video_duration_too_long"
    assert "more than 0.05 seconds" in msg


@pytest.mark.parametrize(
    ("limits", "type_"),
    [({"max_clip_pixels": 6143}, "image_too_large"), ({"min_side": 65}, "image_too_small")],
)
def test_sizes_out_of_bounds_are_refused(mp4: Path, limits: dict[str, int], type_: str) -> None:
    """The size and the limit are in the refusal; the bound itself is allowed."""
    found, msg, _ = refusal(mp4, **limits)
    assert found == type_
    assert "96x64" in msg
    assert look(mp4, max_clip_pixels=6144, min_side=64).frames == 24


def test_a_huge_header_is_refused_unread(tmp_path: Path) -> None:
    """A size that no decoder may allocate is called too large, with the limit."""
    huge = ["-f", "lavfi", "-i", "color=size=8000x4000:rate=1:duration=1"]
    type_, msg, ctx = refusal(made(tmp_path / "huge.mkv", *huge, *X264))
    assert type_ == "image_too_large"
    assert "Send a smaller version" in msg
    assert ctx["max_resolution"] == MediaLimits().max_clip_pixels


def test_a_clip_that_grows_on_the_way_is_refused(tmp_path: Path) -> None:
    """The limit holds for every frame, not only for the size in the header."""
    small = made(tmp_path / "small.h264", *BARS, *X264)
    large = ["-f", "lavfi", "-i", "testsrc2=size=640x480:rate=24:duration=1"]
    grown = made(tmp_path / "large.h264", *large, *X264)
    joined = tmp_path / "joined.h264"
    joined.write_bytes(small.read_bytes() + grown.read_bytes())
    copied = ["-r", "24", "-i", joined, "-c", "copy"]
    file = made(tmp_path / "joined.mkv", *copied)
    assert look(file).frames == 48
    assert refusal(file, max_clip_pixels=96 * 64)[0] == "unsupported_video_format"


def test_a_picture_is_sent_to_its_own_list(tmp_path: Path) -> None:
    """A picture where a clip is expected says where it belongs."""
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    type_, msg, _ = refusal(tmp_path / "a.png")
    assert type_ == "unsupported_video_format"
    assert "images" in msg
