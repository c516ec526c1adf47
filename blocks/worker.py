"""The worker that started this process, if one did: it counts, and keeps engines going."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

import httpx
from prefect.logging import get_logger

WORKER_SOCKET = "LTX_WORKER_SOCKET"
"""Environment variable that names the worker's socket; a worker sets it for its runs."""

_SECONDS = 2.0


def tell_worker(path: str, body: Mapping[str, Any]) -> None:
    """Tell the worker something that it counts; one that is gone counts no more."""
    named = os.environ.get(WORKER_SOCKET)
    if not named:
        return
    try:
        with httpx.Client(transport=httpx.HTTPTransport(uds=named), timeout=_SECONDS) as client:
            client.post(f"http://worker{path}", json=body)
    except httpx.HTTPError as error:
        get_logger("ltx.worker").debug("the worker was not told: %s", error)


def worker_is_gone() -> bool:
    """Say whether a worker started this process and is there no more."""
    named = os.environ.get(WORKER_SOCKET)
    if not named:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_SECONDS)
        try:
            probe.connect(named)
        except (FileNotFoundError, ConnectionRefusedError):
            return True
        except OSError:  # it is busy
            return False
    return False
