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
"""How the folder with a worker's sockets begins; it is in the folder for temporary files."""
DOOR = "worker.sock"
"""The worker's own socket there."""

_ANSWER_SECONDS = 5.0


def workers_here(pool: str) -> Iterator[WorkerState]:
    """Yield what this user's workers of a pool say; one that was killed says nothing."""
    for door in sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{DOOR}")):
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
