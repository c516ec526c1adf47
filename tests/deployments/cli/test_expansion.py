"""`--expand-prompt` on the command line, and the same clip again without a language model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ltxv.media.frames import read_frames
from tests.deployments.cli.conftest import Ltx
from tests.deployments.cli.test_generate import SMALL


@pytest.mark.slow
def test_an_expanded_clip_makes_itself_again_unexpanded(
    ltx: Ltx, prefect_server: None, tmp_path: Path
) -> None:
    """The text that was used is recorded; making it again asks nobody and gives the same frames."""
    asked = ["generate", "--prompt", "a cat looks up", "--expand-prompt", *SMALL]
    done = ltx(*asked, "--expander", "embedded", "-o", "out.mp4", server=True)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["prompt"].startswith("a cat looks up. ")
    assert "expand_prompt: ran" in done.stderr

    inspected = json.loads(ltx("inspect", "out.mp4").stdout)
    assert inspected["expansion"]["of"] == "a cat looks up"
    assert inspected["request"]["prompt"] == made["prompt"]

    # The default expander would refuse to expand.
    again = ltx("generate", "--from", "out.mp4", "--model", "tiny", "-o", "again.mp4", server=True)
    assert again.returncode == 0, again.stderr
    remade = json.loads(again.stdout)
    stages = {stage["name"]: stage["state"] for stage in remade["stages"]}
    assert (remade["prompt"], stages["expand_prompt"]) == (made["prompt"], "skipped")
    assert stages["first_pass"] == "cached"
    assert np.array_equal(read_frames(tmp_path / "again.mp4"), read_frames(tmp_path / "out.mp4"))

    refused = ltx(*asked, server=True)
    assert refused.returncode == 1
    assert "choose a backend in the LTX Prompt Expander block" in refused.stderr
