"""Scratch folders: they end with their work, and with a process that was killed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ltxv.errors import Misconfigured
from ltxv.scratch import scratch

WORK = """
from ltxv.scratch import scratch
with scratch() as folder:
    (folder / "part").write_text("half of it")
    print(folder, flush=True)
    input()
"""


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of its own for scratch folders."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def at_work(disk: Path) -> tuple[subprocess.Popen[str], Path]:
    """Start a process that works in a scratch folder until it is told to end."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORK],
        env={**os.environ, "TMPDIR": str(disk)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_process_left_goes_and_what_a_live_one_has_stays(disk: Path) -> None:
    """The next who needs scratch removes the dead one's folder, and no other."""
    dead, left = at_work(disk)
    alive, used = at_work(disk)
    dead.kill()
    dead.wait()
    assert (left / "part").exists()
    (disk / "ltx-scratch-theirs").symlink_to(disk.parent)
    (disk / "others").mkdir()
    with scratch() as mine, scratch() as another:
        assert not left.exists()
        assert (used / "part").read_text() == "half of it"
        assert mine != another
        assert mine.is_dir()
    assert {path.name for path in disk.iterdir()} == {used.name, "ltx-scratch-theirs", "others"}
    alive.communicate("\n")
    assert not used.exists()


def test_folders_are_made_and_removed_beside_each_other(disk: Path) -> None:
    """However many begin at once, none loses its folder before its work is done."""

    def work(number: int) -> bool:
        with scratch() as folder:
            (folder / "mine").write_text(str(number))
            return (folder / "mine").read_text() == str(number)

    with ThreadPoolExecutor(8) as workers:
        assert all(workers.map(work, range(400)))
    assert list(disk.iterdir()) == []


def test_a_disk_without_a_place_for_it_is_one_error(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what to do."""
    monkeypatch.setattr(tempfile, "tempdir", str(disk / "none"))
    said = r"no temporary folder .*: No such file.*; free some"
    with pytest.raises(Misconfigured, match=said), scratch():
        pass
