"""The command `ltx` as a user runs it: a process of its own, against the session's server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL

Ltx = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ltx(tmp_path: Path) -> Ltx:
    """Return a function that runs `ltx` in an empty folder and a home of its own."""
    home = tmp_path / "home"
    home.mkdir()

    def run(*arguments: str, stdin: str = "", server: bool = False) -> object:
        environment = {**os.environ, "HOME": str(home), "OMP_NUM_THREADS": "1"}
        if server:
            environment["PREFECT_API_URL"] = str(PREFECT_API_URL.value())
        return subprocess.run(
            [str(Path(sys.executable).with_name("ltx")), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=environment,
            input=stdin,
            timeout=300,
        )

    return run  # type: ignore[return-value]
