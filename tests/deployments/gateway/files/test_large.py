"""Uploads that are very large, or very slow, against the gateway's own process."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from prefect.settings import PREFECT_API_URL

from deployments.gateway.files import receive
from tests.deployments.gateway.conftest import Gateway

pytestmark = pytest.mark.slow

GIB = 2**30
PIECE = bytes(range(256)) * 4096


@pytest.fixture
def process(gateway: Gateway) -> Iterator[tuple[int, str]]:
    """`ltx gateway`: its process and its address."""
    started = subprocess.Popen(
        [
            *[str(Path(sys.executable).with_name("ltx")), "gateway", "--port", "0"],
            *["--deployment", f"generate-video/{gateway.pool}"],
        ],
        env={**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value())},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert started.stderr is not None
    said = started.stderr.readline()
    found = re.search(r"http://\S+:\d+", said)
    assert found, said + started.stderr.read()
    yield started.pid, found[0]
    started.kill()
    started.wait()


def peak(pid: int) -> int:
    """Return the most memory that a process ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024  # type: ignore[index]


def test_a_gibibyte_goes_through_in_constant_memory(process: tuple[int, str]) -> None:
    """Up and down, whole and right, with less than a tenth of it in memory at any time."""
    pid, url = process
    digest = hashlib.sha256()

    def body() -> Iterator[bytes]:
        for _ in range(GIB // len(PIECE)):
            digest.update(PIECE)
            yield PIECE

    with httpx.Client(timeout=120) as client:
        told = {"content_type": "video/mp4", "file_name": "clip.mp4"}
        begun = client.post(f"{url}/rest/storage/upload/initiate", json=told).json()
        before = peak(pid)
        sent = client.put(begun["upload_url"], content=body())
        assert sent.status_code == 200, sent.text
        received = hashlib.sha256()
        with client.stream("GET", begun["file_url"]) as answer:
            for chunk in answer.iter_bytes():
                received.update(chunk)
        assert received.digest() == digest.digest()
        assert peak(pid) - before < GIB // 10
        client.delete(begun["file_url"])


def test_a_body_that_trickles_is_given_up(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sender is told, the connection ends, and nothing is left."""
    monkeypatch.setattr(receive, "_SILENT_SECONDS", 0.5)
    with gateway.client() as client:
        begun = client.post("/rest/storage/upload/initiate", json={}).json()
    at = urlsplit(begun["upload_url"])
    with socket.create_connection((str(at.hostname), at.port or 80), timeout=10) as line:
        head = f"PUT {at.path}?{at.query} HTTP/1.1\r\nHost: {at.netloc}\r\n"
        line.sendall(f"{head}Content-Length: 1000\r\n\r\n".encode())
        began = time.monotonic()
        line.sendall(b"x")
        answer = line.recv(65536)
        assert answer.startswith(b"HTTP/1.1 408"), answer
        while line.recv(65536):
            pass
        assert time.monotonic() - began < 5
    assert gateway.get(urlsplit(begun["file_url"]).path).status_code == 404
