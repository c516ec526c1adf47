"""Where the workers of this machine are, and what they say of themselves."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
from pydantic import ValidationError

from deployments.worker.state import WorkerState

PREFIX = "ltx-worker-"
"""How the folder with a worker's sockets begins."""
DOOR = "worker.sock"
"""The worker's own socket there."""

_ANSWER_SECONDS = 5.0
_LONGEST_ROOT = 70
"""Characters; the path of a Unix socket has 107 at most."""


def socket_root() -> Path:
    """Return where workers put the folders with their sockets."""
    usual = tempfile.gettempdir()
    return Path(usual if len(usual) <= _LONGEST_ROOT else "/tmp")  # noqa: S108 - folders in it are ours alone


def workers_here(pool: str) -> Iterator[WorkerState]:
    """Yield what this user's workers of a pool say; one that was killed says nothing."""
    for door in sorted(socket_root().glob(f"{PREFIX}*/{DOOR}")):
        state = _asked(door)
        if state is not None and state.pool == pool:
            yield state


def _asked(door: Path) -> WorkerState | None:
    try:
        if door.parent.stat().st_uid != os.getuid():
            return None
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=str(door)),
            base_url="http://worker",
            timeout=_ANSWER_SECONDS,
        ) as client:
            return WorkerState.model_validate_json(client.get("/").content)
    except (OSError, httpx.HTTPError, ValidationError):
        return None
