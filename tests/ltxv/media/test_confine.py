"""Programs that read what strangers sent are bounded, and die alone."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from ltxv.errors import Refused
from ltxv.media import picture
from ltxv.media.confine import confine
from ltxv.media.content import PNG
from ltxv.media.limits import MediaLimits

LOC = ("images", 0, "image_url")


def refused_by(program: str, folder: Path, patch: pytest.MonkeyPatch, **limits: float) -> Refused:
    """Return what becomes of a good picture that another program reads."""
    source, reader = folder / "a.png", folder / "reader.py"
    Image.new("RGB", (64, 64)).save(source)
    reader.write_text(program)
    patch.setattr(picture, "_PROGRAM", reader)
    held = MediaLimits.model_validate(limits)
    with pytest.raises(Refused) as caught:
        picture.look_at(source, PNG, limits=held, loc=LOC)
    return caught.value


@pytest.mark.parametrize(
    "program",
    [
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "held = bytearray(8 * 2**30)",
        "import sys; sys.exit(1)",
        "print('nonsense')",
    ],
    ids=["crashes", "takes all memory", "gives up", "talks nonsense"],
)
def test_a_reader_that_dies_is_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    """A file that crashes its reader, or has it take all memory, costs its own request only."""
    (line,) = refused_by(program, tmp_path, monkeypatch).detail
    assert (line["type"], line["loc"]) == ("image_load_error", ["body", *LOC])


def test_a_reader_that_never_ends_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture holds a processor for no longer than allowed, and no process is left."""
    mark = tmp_path / "still-there"
    program = f"import time, pathlib\ntime.sleep(3)\npathlib.Path({str(mark)!r}).touch()"
    started = time.monotonic()
    refused_by(program, tmp_path, monkeypatch, max_decode_seconds=0.5)
    assert time.monotonic() - started < 3
    time.sleep(3)
    assert not mark.exists()


def test_memory_is_bounded(tmp_path: Path) -> None:
    """A program gets what it is given and no more."""
    for size, ends in ((2**20, 0), (2**30, 1)):
        code = f"import sys; sys.stdin.read(1); bytearray({size})"
        with subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            confine(process, memory=512 * 2**20)
            process.communicate(b"go")
        assert process.returncode == ends
