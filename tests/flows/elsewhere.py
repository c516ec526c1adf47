"""Runs of the flow in processes of their own, which tests may kill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prefect.settings import PREFECT_API_URL

from ltxv.result import VideoResult
from tests.flows.conftest import House

_RUN = """
import json, sys
from pathlib import Path
from tests.flows.conftest import House
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
names, fields = json.loads(sys.argv[1])
house = House(**names, root=Path())
print("ready", flush=True)
sys.stdin.readline()
with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
    print(house.make(**fields).model_dump_json(), flush=True)
"""


class Elsewhere:
    """One run in another process: started when told to, waited for, or killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def go(self) -> None:
        """Let the run begin; everything is imported by now."""
        assert self._process.stdin
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._process.kill()
        self._process.wait()

    def result(self, *, seconds: float = 240) -> VideoResult:
        """Wait for what it made."""
        out, _ = self._process.communicate(timeout=seconds)
        assert out.startswith("{"), self._process.returncode
        return VideoResult.model_validate_json(out)


@contextmanager
def elsewhere(house: House, **fields: Any) -> Iterator[Elsewhere]:
    """Start a process that is about to make a small request, and end it at the latest here."""
    names = {
        "model": house.model,
        "store": house.store,
        "safety": house.safety,
        "credentials": house.credentials,
    }
    command = [sys.executable, "-c", _RUN, json.dumps([names, fields])]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            yield Elsewhere(process)
        finally:
            process.kill()


def environment() -> Mapping[str, str]:
    """Return an environment that reaches the tests' Prefect server."""
    return {**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value())}
