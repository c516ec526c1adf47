"""A Prefect server with its UI, set up by `ltx deploy`, and a worker with the tiny checkpoint."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from typer.testing import CliRunner

from blocks.internet import FetchLimits
from blocks.media_store import MediaStore
from deployments.cli.main import app
from tests.browser import browser
from tests.conftest import SAMPLES
from tests.ports import free_port

__all__ = ["browser"]

BIN = Path(sys.executable).parent
START_SECONDS = 120


@dataclass(frozen=True)
class Site:
    """Where the UI is, and where the pictures and clips are."""

    url: str
    api: str
    files: str
    gateway: str
    store: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server as `prefect server start` starts it, and a worker and a gateway as ours do.

    The blocks have their names of every day, `default`, because server and home are new. The
    store's folder is served over HTTP: no browser opens a link from a page to a file.
    """
    home = tmp_path_factory.mktemp("home")
    shutil.copy(SAMPLES / "cat.jpg", home)
    root = f"http://127.0.0.1:{free_port()}"
    environment = {
        **os.environ,
        "HOME": str(home),
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": f"{root}/api",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",  # how soon a cancelled run is heard of
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "OMP_NUM_THREADS": "1",
    }
    port = root.rpartition(":")[2]
    server = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", port]
    worker = ["ltx", "worker", "--pool", "gpu", "--model", "tiny", "--concurrency", "2"]
    with _serving(home) as files, _program(server, home, environment):
        _wait_for(f"{root}/api/health")
        with temporary_settings({PREFECT_API_URL: f"{root}/api"}):
            done = CliRunner().invoke(app, ["deploy"])
            assert done.exit_code == 0, done.exception
            MediaStore(
                root=str(home / "store"),
                public_base_url=f"{files}/store",
                limits=FetchLimits(trusted_hosts=("127.0.0.1",)),
            ).save("default")
        at = f"http://127.0.0.1:{free_port()}"
        gateway = ["ltx", "gateway", "--port", at.rpartition(":")[2]]
        with _program(worker, home, environment), _program(gateway, home, environment):
            _wait_for(f"{at}/health")
            yield Site(url=root, api=f"{root}/api", files=files, gateway=at, store=home / "store")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def _program(command: list[str], home: Path, environment: dict[str, str]) -> Iterator[None]:
    name, *arguments = command
    with (home / f"{'-'.join(command[:2])}.log").open("wb") as log:
        process = subprocess.Popen(
            [str(BIN / name), *arguments],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            for one in psutil.Process(process.pid).children(recursive=True):
                one.kill()
        process.kill()
        process.wait()


def _wait_for(url: str) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"nothing answers at {url}")
