"""A real S3 server for the tests of what talks to one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.ports import free_port

START_SECONDS = 60
KEY, SECRET = "AKIDOFTHETESTS", "the-secret-of-the-tests"


@dataclass(frozen=True)
class S3Server:
    """A running server and the one key it knows."""

    endpoint: str
    key: str = KEY
    secret: str = SECRET


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server that runs for the whole session and keeps its data in memory.

    It checks the signatures of signed addresses, but not those of other requests.
    """
    folder = tmp_path_factory.mktemp("s3")
    port = free_port()
    server = start_s3(folder, port)
    try:
        yield S3Server(f"http://127.0.0.1:{port}")
    finally:
        server.kill()
        server.wait()


def start_s3(folder: Path, port: int, **settings: str) -> subprocess.Popen[bytes]:
    """Start a server and wait until it answers."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",  # a second server on a fixed port
        **settings,
    }
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "ministack"], env=environment, stdout=log, stderr=log
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}", server)
    except RuntimeError:
        server.kill()
        raise
    return server


def _wait_for(endpoint: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            httpx.get(endpoint, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the S3 server did not start")
