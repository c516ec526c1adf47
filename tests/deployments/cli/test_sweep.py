"""`ltx sweep`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.deployments.cli.conftest import Ltx

SMALL = {
    "prompt": "a cat",
    "resolution": "480p",
    "aspect_ratio": "1:1",
    "number_of_frames": 9,
    "first_pass_number_of_steps": 2,
    "second_pass_number_of_steps": 2,
    "second_pass_skip_initial_steps": 1,
    "seed": 3,
}


def test_a_sweep_is_planned_and_then_made(ltx: Ltx, prefect_server: None, tmp_path: Path) -> None:
    """A dry run prints the plan alone; the sweep writes a sheet and the videos."""
    (tmp_path / "request.json").write_text(json.dumps(SMALL))
    sweep = ["sweep", "request.json", "--vary", "reverse_video=false,true", "--model", "tiny"]
    plan = ltx(*sweep, "--dry-run", server=True)
    assert plan.returncode == 0, plan.stderr
    assert json.loads(plan.stdout)["stages"]["first_pass"] == 1
    done = ltx(*sweep, "--sheet", "sheet.jpg", "-o", "clips", server=True)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["cells"]) == 2
    assert len(list((tmp_path / "clips").glob("*.mp4"))) == 2
    assert Image.open(tmp_path / "sheet.jpg").format == "JPEG"
    assert "video 2 of 2: reverse_video true" in done.stderr


@pytest.mark.parametrize(
    ("vary", "code", "said"),
    [
        ("sede=1,2", 1, "did you mean 'seed'"),
        ("seed", 2, "is not FIELD=VALUES"),
        ("seed=[1,", 2, "is no JSON list"),
    ],
)
def test_a_wrong_grid_is_one_line(
    ltx: Ltx, tmp_path: Path, vary: str, code: int, said: str
) -> None:
    """It is said before a server is needed."""
    (tmp_path / "request.json").write_text(json.dumps(SMALL))
    done = ltx("sweep", "request.json", "--vary", vary)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
