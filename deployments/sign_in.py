"""Which process runs a flow, written down at the server."""

from __future__ import annotations

import os
import socket
from uuid import UUID

from prefect.client.orchestration import get_client


def sign_in(flow_run: str) -> None:
    """Write this process down as the one that runs ``flow_run``, as Prefect's workers do."""
    with get_client(sync_client=True) as client:
        address = f"{socket.gethostname()}:{os.getpid()}"
        client.update_flow_run(UUID(flow_run), infrastructure_pid=address)
