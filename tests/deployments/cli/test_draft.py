"""`ltx draft` and `ltx refine`, each a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from ltxv.media.frames import read_frames
from tests.deployments.cli.conftest import Ltx

SMALL = [
    *["--set", "resolution=480p", "--set", "aspect_ratio=1:1", "--set", "number_of_frames=9"],
    *["--set", "first_pass_number_of_steps=2", "--set", "second_pass_number_of_steps=2"],
    *["--set", "second_pass_skip_initial_steps=1", "--seed", "3", "--model", "tiny"],
]


@pytest.mark.slow
def test_drafts_are_made_looked_at_and_refined(
    ltx: Ltx, prefect_server: None, tmp_path: Path
) -> None:
    """One process makes drafts and ends; another refines one of them by the run's short id."""
    made = ltx(
        *["draft", "--prompt", "a cat", "-n", "2", "--sheet", "drafts.jpg", *SMALL], server=True
    )
    assert made.returncode == 0, made.stderr
    said = json.loads(made.stdout)
    assert [(draft["draft"], draft["seed"]) for draft in said["drafts"]] == [(1, 3), (2, 4)]
    assert Image.open(tmp_path / "drafts.jpg").format == "JPEG"
    run = said["run"][:13]
    assert f"ltx refine {run[:8]}" in made.stderr

    nobody = ltx("refine", run, "5", server=True)
    assert nobody.returncode == 1
    assert "there is no such draft to refine; choose from 1, 2" in nobody.stderr
    assert ltx("refine", run, "1", "--set", "seed=4", server=True).returncode == 2
    waits = ltx("resume", run, server=True)
    assert "it waits for a choice" in waits.stderr

    done = ltx("refine", run, "2", "-o", "clips", server=True)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["seed"] == 4
    copied = tmp_path / "clips" / result["video"]["file_name"]
    assert read_frames(copied).shape == (9, 480, 480, 3)
    over = ltx("refine", run, "1", server=True)
    assert "its choice was made" in over.stderr
