"""Which ffmpeg runs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ltxv.errors import Misconfigured
from ltxv.media.binaries import ffmpeg_binary, ffmpeg_version, ffprobe_binary


def test_both_come_with_the_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word from the operator both programs are there and run, whatever PATH has."""
    monkeypatch.setenv("PATH", "")
    for variable in ("LTX_FFMPEG", "LTX_FFPROBE"):
        monkeypatch.delenv(variable, raising=False)
    for binary, name in ((ffmpeg_binary(), "ffmpeg"), (ffprobe_binary(), "ffprobe")):
        done = subprocess.run([binary, "-version"], capture_output=True, text=True, check=True)
        assert done.stdout.startswith(f"{name} version")


def test_the_operators_choice_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A path is taken as it is; `system` is what PATH finds; the version is that one's."""
    mine = tmp_path / "ffmpeg"
    mine.write_text("#!/bin/sh\necho ffmpeg version mine\n")
    mine.chmod(0o755)
    monkeypatch.setenv("LTX_FFMPEG", str(mine))
    assert ffmpeg_binary() == str(mine)
    monkeypatch.setenv("LTX_FFMPEG", "system")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    assert ffmpeg_binary() == str(mine)
    assert ffmpeg_version() == "ffmpeg version mine"


@pytest.mark.parametrize("named", ["/nowhere/ffprobe", "system"])
def test_a_program_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str
) -> None:
    """The error says which variable asked for it and what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("LTX_FFPROBE", named)
    with pytest.raises(Misconfigured, match="LTX_FFPROBE"):
        ffprobe_binary()
