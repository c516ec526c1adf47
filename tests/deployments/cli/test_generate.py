"""`ltx generate` and `ltx demo`, each a real process against a real server."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ltxv.media.frames import read_frames
from tests.conftest import SAMPLES
from tests.deployments.cli.conftest import Ltx

SMALL = [
    *["--resolution", "480p", "--aspect-ratio", "1:1", "--frames", "9", "--seed", "3"],
    *["--set", "first_pass_number_of_steps=2", "--set", "second_pass_number_of_steps=2"],
    *["--set", "second_pass_skip_initial_steps=1", "--model", "tiny"],
]


def test_options_become_a_video(ltx: Ltx, prefect_server: None, tmp_path: Path) -> None:
    """Local files are taken in, progress goes to stderr, the result alone to stdout, -o copies."""
    (tmp_path / "photo.jpg").write_bytes((SAMPLES / "cat.jpg").read_bytes())
    (tmp_path / "link.mp4").symlink_to("out.mp4")
    done = ltx(
        *["generate", "--prompt", "a cat", "--image", "photo.jpg@0:0.9", "-o", "link.mp4", *SMALL],
        server=True,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["prompt"], result["seed"]) == ("a cat", 3)
    published = Path(urlsplit(result["video"]["url"]).path)
    assert (tmp_path / "out.mp4").read_bytes() == published.read_bytes()
    assert (tmp_path / "link.mp4").is_symlink()
    assert read_frames(published).shape == (9, 480, 480, 3)
    assert "first_pass: ran" in done.stderr
    assert "first_pass 1/1" in done.stderr
    again = ltx(
        *["generate", "--prompt", "a cat", "--image", "photo.jpg@0:0.9", *SMALL], server=True
    )
    states = {stage["state"] for stage in json.loads(again.stdout)["stages"]}
    assert states == {"cached", "skipped"}


def test_options_change_what_a_file_says(ltx: Ltx, prefect_server: None, tmp_path: Path) -> None:
    """A request file is the base; what is typed wins over it."""
    (tmp_path / "request.json").write_text(json.dumps({"prompt": "a dog", "seed": 1}))
    done = ltx("generate", "request.json", "--prompt", "a cat", *SMALL, server=True)
    result = json.loads(done.stdout)
    assert (result["prompt"], result["seed"]) == ("a cat", 3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--prompt", "x", "--frames", "4"], "number_of_frames: "),
        (["--prompt", "x", "--image", "none.jpg"], "images.0.image_url: there is no file"),
        (["--prompt", "x", "-o", "no/such/folder/a.mp4"], "cannot be written: there is no folder"),
        ([], "prompt: field required"),
        (["--prompt", "x", "--store", "none"], "there is no MediaStore block named 'none'"),
        (["--prompt", "x", "--model", "tinny"], "there is no LTXModel block named 'tinny'"),
        (["none.json"], "none.json: cannot be read"),
        (["/dev/zero"], "larger than"),
        (["--prompt", "x", "-o", "pipe"], "pipe is a device or a pipe"),
    ],
)
def test_an_error_is_one_line_and_nothing_is_made(
    ltx: Ltx, prefect_server: None, tmp_path: Path, arguments: list[str], said: str
) -> None:
    """The user sees what is wrong, without a traceback, and no file appears."""
    os.mkfifo(tmp_path / "pipe")
    done = ltx("generate", *arguments, server=True)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("ltx: ")]
    assert said in line
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.mp4"))


def test_a_medium_that_is_no_picture_is_one_line(
    ltx: Ltx, prefect_server: None, tmp_path: Path
) -> None:
    """An error from inside the flow reads like one from before it."""
    (tmp_path / "page.jpg").write_text("<html>")
    done = ltx("generate", "--prompt", "x", "--image", "page.jpg", *SMALL, server=True)
    assert done.returncode == 1
    assert "images.0.image_url" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_server_that_is_away_is_one_line(ltx: Ltx, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing answers the user learns which variable to look at."""
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "0")
    done = ltx("generate", "--prompt", "x")
    assert done.returncode == 1
    assert "PREFECT_API_URL" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_demo_makes_its_video_without_a_server(ltx: Ltx) -> None:
    """`ltx demo` alone starts what it needs and ends with the result's JSON."""
    done = ltx("demo")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["video"]["url"].startswith("file://")
    frames = read_frames(Path(urlsplit(result["video"]["url"]).path))
    assert frames.shape == (49, 480, 854, 3)
