"""``ltx keys``, on a real server."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from blocks.media_store import MediaStore
from deployments.cli.main import app

Keys = Callable[..., Result]


@pytest.fixture
def keys(prefect_server: None, tmp_path: Path) -> Keys:
    """Return a function that runs `ltx keys` on a store of its own."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    MediaStore(root=str(tmp_path / "store")).save(name)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["keys", *arguments, "--store", name])

    return run


def test_a_key_is_shown_once(keys: Keys) -> None:
    """`create` prints it as FAL_KEY takes it; `list` has everything but the secret."""
    options = ("--concurrent", "4", "--per-minute", "60", "--gpu-seconds-per-day", "7200")
    options += ("--upload-gb", "2.5")
    made = json.loads(keys("create", "alice\x1b[31m", *options).stdout)
    assert made["key"].startswith(f"{made['id']}:")
    listed = keys("list")
    [line] = listed.stdout.splitlines()
    assert json.loads(line)["limits"] == {
        "concurrent": 4,
        "per_minute": 60,
        "gpu_seconds_per_day": 7200,
        "upload_bytes": 2_500_000_000,
    }
    assert "4 at a time, 60 a minute, 7200 GPU s a day, 2.5 GB of files" in listed.stderr
    secret = made["key"].partition(":")[2]
    assert secret not in listed.stdout + listed.stderr
    assert "\x1b" not in listed.stderr


def test_a_key_is_rotated_and_revoked(keys: Keys) -> None:
    """The id stays, the secret changes; a revoked key cannot be rotated."""
    made = json.loads(keys("create", "ci", "--scope", "admin").stdout)
    again = json.loads(keys("rotate", made["id"], "--keep-old-hours", "24").stdout)
    assert (again["id"], again["state"]) == (made["id"], "rotating")
    assert again["key"] != made["key"]
    assert json.loads(keys("revoke", made["id"]).stdout)["state"] == "revoked"
    refused = keys("rotate", made["id"])
    assert refused.exit_code == 1
    assert "revoked" in str(refused.exception)


def test_a_key_that_is_not_there_is_told(keys: Keys) -> None:
    """An unknown id, and a name without a letter, are mistakes."""
    assert "ltx keys list" in str(keys("revoke", "0" * 16).exception)
    assert keys("create", " ").exit_code == 2
