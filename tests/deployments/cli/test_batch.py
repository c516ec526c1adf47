"""`ltx batch`, a real process against a real server."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import SAMPLES
from tests.deployments.cli.conftest import Ltx

TABLE = """\
id,prompt,images.0.image_url,resolution,aspect_ratio,number_of_frames,first_pass_number_of_steps,\
second_pass_number_of_steps,second_pass_skip_initial_steps
cat,a cat,cat.jpg,480p,1:1,9,2,2,1
dog,a dog,,480p,1:1,{frames},2,2,1
"""


@pytest.mark.slow
def test_a_table_becomes_clips(ltx: Ltx, prefect_server: None, tmp_path: Path) -> None:
    """A line a row on stderr, counts on stdout; 1 while a row fails, 0 once it is corrected."""
    (tmp_path / "in").mkdir()
    manifest = tmp_path / "in" / "night.csv"
    manifest.write_text(TABLE.format(frames=4))
    shutil.copy(SAMPLES / "cat.jpg", tmp_path / "in" / "cat.jpg")
    asked = ["batch", "in/night.csv", "--output", "out", "--model", "tiny"]
    done = ltx(*asked, server=True)
    assert done.returncode == 1
    result = json.loads(done.stdout)
    assert (result["made"], result["failed"]) == (1, 1)
    assert "line 3 dog: failed: number_of_frames: " in done.stderr
    assert "[1/1] line 2 cat: done: " in done.stderr
    assert "ltx: 1 of 2 rows failed: dog; see " in done.stderr.splitlines()[-1]
    manifest.write_text(TABLE.format(frames=9))
    again = ltx(*asked, server=True)
    assert again.returncode == 0, again.stderr
    result = json.loads(again.stdout)
    assert (result["kept"], result["made"], result["failed"]) == (1, 1, 0)
    assert Path(result["results"]) == tmp_path / "out" / "results.jsonl"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.jsonl"], "manifest: "),
        (["empty.jsonl"], "manifest: has no rows"),
        (["good.jsonl", "--output", "http://127.0.0.1/x"], "output: "),
        (["good.jsonl", "--max-rows", "1"], "max_rows: the manifest has 2 rows"),
    ],
)
def test_what_cannot_be_begun_is_one_line(
    ltx: Ltx, prefect_server: None, tmp_path: Path, arguments: list[str], said: str
) -> None:
    """The user sees what is wrong, without a traceback, and no result appears."""
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "good.jsonl").write_text('{"id": 1}\n{"id": 2}\n')
    done = ltx("batch", *arguments, server=True)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("ltx: ")]
    assert said in line
    assert "Traceback" not in done.stderr
