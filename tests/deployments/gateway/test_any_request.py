"""Whatever a program makes of the OpenAPI page, the gateway has an answer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deployments.gateway.conftest import Gateway

pytestmark = pytest.mark.slow


def test_no_request_is_a_server_error(drafting: Gateway, tmp_path: Path) -> None:
    """Schemathesis makes requests of every operation but direct runs, which are held open."""
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("st")),
            "run",
            f"{drafting.url}/openapi.json",
            *("--checks", "not_a_server_error", "--phases", "fuzzing", "--max-examples", "4"),
            *("--exclude-path-regex", "^/run/", "--request-timeout", "20"),
            *("--seed", "1", "--generation-deterministic"),
        ],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
