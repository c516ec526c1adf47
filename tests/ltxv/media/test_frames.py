"""Prepared files and finished clips, decoded."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ltxv.errors import Misconfigured
from ltxv.media.binaries import ffmpeg_binary
from ltxv.media.frames import frame_batches, read_frames

RNG = np.random.default_rng(0)


def test_a_picture_is_a_clip_of_one_frame(tmp_path: Path) -> None:
    """A lossless picture comes back exactly, in RGB."""
    pixels = RNG.integers(0, 256, (33, 47, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert np.array_equal(read_frames(tmp_path / "a.png"), pixels[None])


def test_a_lossless_clip_comes_back_exactly(tmp_path: Path) -> None:
    """Every frame is there once, whatever the time stamps say."""
    frames = RNG.integers(0, 256, (7, 32, 48, 3), dtype=np.uint8)
    file = tmp_path / "a.mkv"
    options = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "48x32", "-framerate", "1"]
    subprocess.run(
        [ffmpeg_binary(), "-v", "error", *options, "-i", "pipe:", "-c:v", "ffv1", str(file)],
        input=frames.tobytes(),
        check=True,
    )
    decoded = read_frames(file)
    assert np.array_equal(decoded, frames)
    assert decoded.flags.writeable


def test_what_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    """A broken file is an error with its name and ffmpeg's reason."""
    (tmp_path / "broken.mkv").write_bytes(b"no clip")
    with pytest.raises(Misconfigured, match=r"broken\.mkv cannot be decoded"):
        read_frames(tmp_path / "broken.mkv")


def test_an_ffmpeg_that_does_not_run_is_the_operators(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program of another machine's kind is named, with the remedy."""
    program = tmp_path / "ffmpeg"
    program.write_bytes(b"\x7fELF of another world")
    program.chmod(0o755)
    monkeypatch.setenv("LTX_FFMPEG", str(program))
    with pytest.raises(Misconfigured, match="does not run"):
        read_frames(tmp_path / "a.mkv")


def test_an_ffmpeg_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading gives up after its time, and the process is gone."""
    program, alive = tmp_path / "ffmpeg", tmp_path / "alive"
    program.write_text(f"#!/bin/sh\necho $$ > {alive}\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setenv("LTX_FFMPEG", str(program))
    monkeypatch.setattr("ltxv.media.frames._SECONDS", 2.0)
    with pytest.raises(Misconfigured, match="within 2 seconds"):
        read_frames(tmp_path / "a.mkv")
    with pytest.raises(ProcessLookupError):
        os.kill(int(alive.read_text()), 0)


def test_frames_can_be_had_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches hold no more than their size and are, one after the other, the whole clip."""
    frames = RNG.integers(0, 256, (7, 32, 48, 3), dtype=np.uint8)
    file = tmp_path / "a.mkv"
    options = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "48x32", "-framerate", "1"]
    subprocess.run(
        [ffmpeg_binary(), "-v", "error", *options, "-i", "pipe:", "-c:v", "ffv1", str(file)],
        input=frames.tobytes(),
        check=True,
    )
    monkeypatch.setattr("ltxv.media.frames._BATCH_BYTES", 3 * (32 * 48 * 3 + 20))
    batches = list(frame_batches(file))
    assert [len(batch) for batch in batches] == [3, 3, 1]
    assert np.array_equal(np.concatenate(batches), frames)
