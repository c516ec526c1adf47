"""`ltx inspect` and `ltx generate --from`, on clips that `ltx generate` made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ltxv.media.frames import read_frames
from ltxv.signing_identity import DEVELOPMENT
from tests.conftest import SAMPLES
from tests.deployments.cli.conftest import Ltx
from tests.deployments.cli.test_generate import SMALL


@pytest.mark.slow
def test_a_clip_says_what_made_it_and_makes_itself_again(
    ltx: Ltx, prefect_server: None, tmp_path: Path
) -> None:
    """Its signature holds until a byte is changed; its request gives the same frames anew."""
    clip, again = tmp_path / "out.mp4", tmp_path / "again.mp4"
    photo = str(SAMPLES / "cat.jpg")
    options = ["--prompt", "a cat", "--image", f"{photo}@0:0.9", "--quality", "medium", *SMALL]
    assert ltx("generate", *options, "-o", str(clip), server=True).returncode == 0

    inspected = ltx("inspect", str(clip))
    assert (inspected.returncode, inspected.stderr) == (0, "")
    said = json.loads(inspected.stdout)
    assert (said["seed"], said["ai_generated"]) == (3, True)
    assert said["model"]["checkpoint"] == "tiny"
    assert said["request"]["prompt"] == "a cat"
    assert said["credentials"] == {
        "state": "valid",
        "signed_by": DEVELOPMENT,
        "trusted": False,
        "problems": [],
    }

    changed = bytearray(clip.read_bytes())
    changed[-100] ^= 1
    (tmp_path / "changed.mp4").write_bytes(changed)
    broken = ltx("inspect", "changed.mp4")
    assert broken.returncode == 1
    assert json.loads(broken.stdout)["credentials"]["state"] == "invalid"
    (line,) = broken.stderr.splitlines()
    assert line.startswith("ltx: changed.mp4 was changed after it was signed")

    store = tmp_path / "home" / ".ltx" / "store"
    shutil.rmtree(store / "results")  # so that every stage runs
    remade = ltx("generate", "--from", str(clip), "--model", "tiny", "-o", str(again), server=True)
    assert remade.returncode == 0, remade.stderr
    assert "warning" not in remade.stderr
    stages = {stage["name"]: stage["state"] for stage in json.loads(remade.stdout)["stages"]}
    assert stages["second_pass"] == stages["write_video"] == "ran"
    assert np.array_equal(read_frames(again), read_frames(clip))

    shutil.rmtree(store / "media")
    gone = ltx("generate", "--from", str(clip), "--model", "tiny", server=True)
    assert gone.returncode == 1
    (line,) = [line for line in gone.stderr.splitlines() if line.startswith("ltx: ")]
    assert "the store no longer has what it was made from" in line
    assert "Traceback" not in gone.stderr


@pytest.mark.parametrize("name", ["bunny.mp4", "cat.jpg", "none.mp4"])
def test_a_file_that_is_not_ours_is_one_line(ltx: Ltx, name: str) -> None:
    """Other clips, pictures and missing files are one clear error."""
    done = ltx("inspect", str(SAMPLES / name))
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert name in line


def test_trust_in_what_is_no_certificate_is_one_line(ltx: Ltx) -> None:
    """A file without certificates is the caller's mistake and says nothing about the clip."""
    photo = str(SAMPLES / "cat.jpg")
    done = ltx("inspect", photo, "--trust", photo)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("ltx: --trust: ")
