"""One run of ffmpeg: what is fed, what is said, and when it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ffmpeg
import pytest

from ltxv.errors import Misconfigured
from ltxv.media.ffmpeg_run import FfmpegFailed, run_ffmpeg


def _grey(target: Path | str, **options: Any) -> Any:
    source = ffmpeg.input("color=gray:s=64x64:r=1:d=4", format="lavfi")
    return source.output(f"file:{target}", vcodec="ffv1", format="matroska", **options)


def _raw(target: Path) -> Any:
    source = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="gray", s="64x64", framerate=1)
    return source.output(f"file:{target}", format="rawvideo", pix_fmt="gray")


def test_runs_a_graph_to_its_end(tmp_path: Path) -> None:
    """What the graph makes is in its file when the call returns."""
    run_ffmpeg(_grey(tmp_path / "grey.mkv"), timeout_seconds=60)
    assert (tmp_path / "grey.mkv").stat().st_size > 0


def test_writes_over_what_is_there(tmp_path: Path) -> None:
    """A file left by an earlier try is replaced without a question."""
    target = tmp_path / "grey.mkv"
    target.write_bytes(b"left over")
    run_ffmpeg(_grey(target), timeout_seconds=60)
    assert target.read_bytes()[:4] == b"\x1aE\xdf\xa3"


def test_feeds_every_byte(tmp_path: Path) -> None:
    """What the iterable gives arrives whole and in order."""
    frames = [bytes([level]) * 4096 for level in (0, 80, 255)]
    run_ffmpeg(_raw(tmp_path / "out.raw"), stdin=iter(frames), timeout_seconds=60)
    assert (tmp_path / "out.raw").read_bytes() == b"".join(frames)


def test_an_empty_feed_is_still_a_feed(tmp_path: Path) -> None:
    """Nothing to feed leaves a pipe that ends, and a file without frames."""
    run_ffmpeg(_raw(tmp_path / "out.raw"), stdin=[], timeout_seconds=60)
    assert (tmp_path / "out.raw").read_bytes() == b""


def test_says_what_ffmpeg_said(tmp_path: Path) -> None:
    """A failure has ffmpeg's own words, and is not mistaken for a full disk."""
    with pytest.raises(FfmpegFailed, match="no-such-format") as failed:
        run_ffmpeg(_grey(tmp_path / "x.mkv", pix_fmt="no-such-format"), timeout_seconds=60)
    assert "no-such-format" in failed.value.said
    assert not failed.value.disk_full
    assert not failed.value.timed_out


def test_knows_a_full_disk() -> None:
    """A device without room is told apart from every other failure."""
    with pytest.raises(FfmpegFailed) as failed:
        run_ffmpeg(_grey("/dev/full"), timeout_seconds=60)
    assert failed.value.disk_full


def test_is_ended_when_its_time_is_up(tmp_path: Path) -> None:
    """A run without an end is killed, and the error says after how long."""
    endless = ffmpeg.input("testsrc2=s=64x64", format="lavfi", re=None).output(
        f"file:{tmp_path}/endless.mkv", vcodec="ffv1"
    )
    with pytest.raises(FfmpegFailed, match=r"after 0\.3 seconds") as failed:
        run_ffmpeg(endless, timeout_seconds=0.3)
    assert failed.value.timed_out


def test_is_ended_while_it_waits_to_be_fed(tmp_path: Path) -> None:
    """A feed that is too slow does not keep ffmpeg alive past its time."""

    def slow() -> Iterator[bytes]:
        yield b"0" * 4096
        time.sleep(0.6)
        yield b"0" * 4096

    with pytest.raises(FfmpegFailed) as failed:
        run_ffmpeg(_raw(tmp_path / "out.raw"), stdin=slow(), timeout_seconds=0.3)
    assert failed.value.timed_out


def test_passes_on_the_error_of_a_feed(tmp_path: Path) -> None:
    """What goes wrong while frames are made reaches the caller as it is."""

    def broken() -> Iterator[bytes]:
        yield b"0" * 4096
        raise LookupError("no second frame")

    with pytest.raises(LookupError, match="no second frame"):
        run_ffmpeg(_raw(tmp_path / "out.raw"), stdin=broken(), timeout_seconds=60)


def test_does_not_stop_at_much_to_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More complaints than a pipe holds neither block the run nor fill the message."""
    talker = tmp_path / "ffmpeg"
    talker.write_text(
        f"#!{sys.executable}\nimport sys\nsys.stderr.write('no\\n' * 400_000)\nsys.exit('bad')\n"
    )
    talker.chmod(0o755)
    monkeypatch.setenv("LTX_FFMPEG", str(talker))
    with pytest.raises(FfmpegFailed) as failed:
        run_ffmpeg(_grey(tmp_path / "grey.mkv"), timeout_seconds=60)
    assert failed.value.said == "no; no; no; bad"


def test_needs_an_ffmpeg_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that cannot be started is the operator's to mend."""
    fake = tmp_path / "ffmpeg"
    fake.write_bytes(b"\x7fELF, but no program")
    fake.chmod(0o755)
    monkeypatch.setenv("LTX_FFMPEG", str(fake))
    with pytest.raises(Misconfigured, match="install another ffmpeg"):
        run_ffmpeg(_grey(tmp_path / "grey.mkv"), timeout_seconds=60)
