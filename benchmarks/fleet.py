"""A server, workers and runs as they are deployed: processes of their own, for measurements."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings

from benchmarks.house import House
from ltxv.request import parse_request
from tests.deployments.worker.plant import BIN, Server, deployed, kill_family, wait_until

POLL_SECONDS = 1
"""How often a worker asks the server for runs; ``ltx worker`` asks every 2 s, a stock one 10."""
WORKERS = {
    "OMP_NUM_THREADS": "1",
    "PREFECT_WORKER_QUERY_SECONDS": str(POLL_SECONDS),
    "PREFECT_WORKER_PREFETCH_SECONDS": "0",
}
"""What every worker that is measured has in its environment."""

_LOOK_SECONDS = 0.5
_LONGEST_SECONDS = 1200


@contextmanager
def serving(database: str | None = None) -> Iterator[Path]:
    """Serve Prefect's API, on SQLite unless told otherwise, and give a folder of its own.

    SIGTERM ends this process as Ctrl-C does from here on, so that what it started ends with it.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="ltx-bench-") as name:
        server = Server(Path(name), database)
        try:
            server.start()
            with temporary_settings({PREFECT_API_URL: server.url}):
                yield Path(name)
        finally:
            server.kill()


class Pool:
    """A pool with a deployment of ``generate_video``, and a store with nothing in it.

    Args:
        house: The blocks of its runs.
    """

    def __init__(self, house: House) -> None:
        self.name = f"bench-{uuid.uuid4().hex[:8]}"
        self.deployment: UUID = deployed(self.name)
        self._blocks = {"model": house.name, "store": house.new_store(), "safety": house.name}

    def parameters(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a run of a request is given."""
        return {"request": parse_request(dict(fields)).model_dump(mode="json"), **self._blocks}

    def ask(self, fields: Mapping[str, Any]) -> FlowRun:
        """Give a run to the pool."""
        with get_client(sync_client=True) as client:
            return client.create_flow_run_from_deployment(
                self.deployment, parameters=self.parameters(fields)
            )


class StockWorker:
    """A Prefect process worker as it comes: its runs load the model themselves.

    Args:
        pool: Its name.
        folder: Where its log goes.
    """

    def __init__(self, pool: str, folder: Path) -> None:
        self._log = folder / f"stock-{pool}.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [
                    *[str(BIN / "prefect"), "worker", "start", "--pool", pool],
                    *["--type", "process", "--limit", "1"],
                ],
                env={**os.environ, **WORKERS, "PREFECT_API_URL": str(PREFECT_API_URL.value())},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(
            lambda: "started!" in self._log.read_text(), seconds=120, what=self._log.read_text
        )

    def kill(self) -> None:
        """End it, and what it started."""
        kill_family(self._process.pid)
        self._process.wait()


def completed(runs: Sequence[FlowRun]) -> list[FlowRun]:
    """Wait until runs are over, and return them as they are then.

    Raises:
        RuntimeError: One did not complete, or not in time.
    """
    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[run.id for run in runs]))
    until = time.monotonic() + _LONGEST_SECONDS
    with get_client(sync_client=True) as client:
        while True:
            found = client.read_flow_runs(flow_run_filter=wanted)
            states = [run.state for run in found if run.state is not None]
            if len(states) == len(runs) and all(state.is_final() for state in states):
                break
            if time.monotonic() > until:
                raise RuntimeError(f"runs are not over after {_LONGEST_SECONDS} s: {states}")
            time.sleep(_LOOK_SECONDS)
    failed = [state for state in states if not state.is_completed()]
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(runs)} runs failed: {failed[0].message}")
    return found
