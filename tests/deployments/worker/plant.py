"""All that makes videos, as processes that tests may kill: a server, a worker, an engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import httpx
import psutil
from prefect import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.deployments.runner import RunnerDeployment
from prefect.settings import PREFECT_API_URL
from prefect.types.entrypoint import EntrypointType

from blocks.media_store import MediaStore
from flows.generate import generate_video
from tests.flows.conftest import House, small_request
from tests.ports import free_port

BIN = Path(sys.executable).parent
LONG = {"first_pass_number_of_steps": 20, "number_of_frames": 33}
"""A first pass of seconds, so that it can be met in the middle."""


def wait_until(true: Callable[[], bool], *, seconds: float, what: Callable[[], object]) -> None:
    """Wait until something is so; fail with ``what`` if it is not in time."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, what()
        time.sleep(0.2)


class Server:
    """A Prefect server with a database that outlives it."""

    def __init__(
        self, folder: Path, database: str | None = None, *options: str, **environment: str
    ) -> None:
        self._folder = folder
        self._port = free_port()
        self._options = options
        self.url = f"http://127.0.0.1:{self._port}/api"
        self.environment = {
            "PREFECT_HOME": str(folder),
            "PREFECT_API_DATABASE_CONNECTION_URL": database
            or f"sqlite+aiosqlite:///{folder / 'prefect.db'}",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_API_URL": self.url,
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *[str(BIN / "prefect"), "server", "start", "--port", str(self._port)],
                    *["--no-ui", *self._options],
                ],
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._answers, seconds=120, what=(self._folder / "server.log").read_text)

    def kill(self) -> None:
        """End it by SIGKILL."""
        if self._process is not None:
            kill_family(self._process.pid)
            self._process.wait()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=2).is_success
        except httpx.TransportError:
            return False


class Worker:
    """`ltx worker` on a pool, with an engine of the tiny model."""

    program: ClassVar[Sequence[str]] = (str(BIN / "ltx"),)

    def __init__(
        self, pool: str, folder: Path, *, concurrency: int = 2, **environment: str
    ) -> None:
        self.log = folder / f"worker-{uuid.uuid4().hex[:8]}.log"
        self.metrics_port = free_port()
        self.process = subprocess.Popen(
            [
                *[*self.program, "worker", "--pool", pool, "--model", "tiny"],
                *["--concurrency", str(concurrency), "--metrics-port", str(self.metrics_port)],
            ],
            stderr=self.log.open("w"),
            env={
                **os.environ,
                "PREFECT_API_URL": str(PREFECT_API_URL.value()),
                "PREFECT_WORKER_QUERY_SECONDS": "1",
                "OMP_NUM_THREADS": "1",
                "LTX_LOG_FORMAT": "json",
                "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO",  # not what the suite has
                **environment,
            },
        )
        self._family: list[psutil.Process] = []
        self.wait_for("worker online")

    def said(self) -> str:
        """Return what it has written so far."""
        return self.log.read_text()

    def lines(self) -> list[dict[str, Any]]:
        """Return the whole lines that it has written so far; a traceback is none of JSON."""
        whole = self.said().rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in whole if line.startswith("{")]

    def wait_for(self, words: str, *, count: int = 1, seconds: float = 120) -> None:
        """Wait until it has said something ``count`` times."""
        wait_until(
            lambda: self.said().count(words) >= count or self.process.poll() is not None,
            seconds=seconds,
            what=self.said,
        )
        assert self.said().count(words) >= count, self.said()

    def meet(self, run: FlowRun, step: str = "first_pass: step 3 of") -> None:
        """Wait until a run is in the middle of its first pass."""
        wait_until(
            lambda: any(
                line.get("flow_run") == str(run.id) and step in line["message"]
                for line in self.lines()
            ),
            seconds=120,
            what=self.said,
        )
        self._family = psutil.Process(self.process.pid).children(recursive=True)

    def engine(self) -> psutil.Process:
        """Return the engine's process."""
        return self._child("engine")

    def prefect(self) -> psutil.Process:
        """Return the process of the Prefect worker."""
        return self._child("start")

    def runs(self) -> list[psutil.Process]:
        """Return the processes of its flow runs."""
        found: list[psutil.Process] = self.prefect().children()
        return found

    def end(self) -> None:
        """Let it end as it should."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(120) == 0, self.said()

    def kill(self) -> None:
        """End it, its engine, its Prefect worker and their runs at once."""
        for process in self._family:
            if process.is_running():
                process.kill()
        kill_family(self.process.pid)
        self.process.wait()

    def _child(self, word: str) -> psutil.Process:
        (found,) = [
            child
            for child in psutil.Process(self.process.pid).children()
            if word in child.cmdline()
        ]
        return found


def deployed(pool: str) -> UUID:
    """Make a pool of processes with a deployment of generate_video, and return the latter's id."""
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
    applied: Any = RunnerDeployment.from_flow(
        generate_video,
        name=pool,
        work_pool_name=pool,
        entrypoint_type=EntrypointType.MODULE_PATH,
    ).apply()
    made: UUID = applied
    return made


class Plant:
    """A house, a pool with a deployment of generate_video, and a worker that may be replaced."""

    def __init__(self, house: House, folder: Path, **environment: str) -> None:
        self.house = house
        self.folder = folder
        self._environment = environment
        self.store = MediaStore(root=str(house.root))
        self.pool = f"gpu-{uuid.uuid4().hex[:8]}"
        self.deployment = deployed(self.pool)
        self.left_behind: psutil.Process | None = None
        """An engine whose worker a test killed."""
        self.worker = Worker(self.pool, folder, **self._environment)

    def ask(
        self, *, house: House | None = None, seen: dict[str, str] | None = None, **fields: Any
    ) -> FlowRun:
        """Give a run to the pool, which may see an environment of its own."""
        home = house or self.house
        request = small_request(**fields).model_dump(mode="json")
        blocks = {"model": home.model, "store": home.store, "safety": home.safety}
        with get_client(sync_client=True) as client:
            return client.create_flow_run_from_deployment(
                self.deployment,
                parameters={"request": request, **blocks},
                job_variables={"env": seen or {}},
            )

    def replace_worker(self) -> None:
        """Start another worker in the place of one that is gone."""
        self.worker = Worker(self.pool, self.folder, **self._environment)

    def ended(self, run: FlowRun, *, seconds: float = 120) -> FlowRun:
        """Wait until a run is over, for no longer than the bound."""
        wait_until(lambda: _is_over(run), seconds=seconds, what=self.worker.said)
        with get_client(sync_client=True) as client:
            return client.read_flow_run(run.id)

    def tasks(self, run: FlowRun) -> list[TaskRun]:
        """Return a run's task runs."""
        with get_client(sync_client=True) as client:
            mine = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
            return list(client.read_task_runs(flow_run_filter=mine))


def _is_over(run: FlowRun) -> bool:
    try:
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(run.id).state
    except httpx.TransportError:
        return False
    return state is not None and state.is_final()


def kill_family(pid: int) -> None:
    """Kill a process and all that it started, at once."""
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in family:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
