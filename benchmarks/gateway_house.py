"""A gateway as ``ltx gateway`` starts it, and the Prefect server behind it, each a process."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import psutil
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.deployments.runner import RunnerDeployment
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.types.entrypoint import EntrypointType

from benchmarks.counted import Counter, counted
from benchmarks.wire import Address
from blocks.media_store import MediaStore
from deployments.gateway.access.key_ring import KeyRing
from flows.generate import generate_video

_BIN = Path(sys.executable).parent
_START_SECONDS = 120


@dataclass(frozen=True)
class Furniture:
    """What a gateway needs at its Prefect server: a store with a key, a pool, a deployment."""

    name: str
    """Of the store, the pool and the deployment."""
    deployment: UUID
    key: str
    prefect: Address
    """The server."""


@dataclass(frozen=True)
class Mark:
    """A moment, and what had been spent by then."""

    at: float
    requests: int
    prefect_cpu: float
    gateway_cpu: float


@dataclass(frozen=True)
class Load:
    """What was spent between two moments."""

    seconds: float
    requests: float
    """That the gateway sent to Prefect, a second."""
    prefect_cpu: float
    """Part of one core that the server had."""
    gateway_cpu: float


@dataclass(frozen=True)
class GatewayHouse:
    """All that is measured."""

    furniture: Furniture
    gateway: Address
    gateway_process: psutil.Process
    prefect_process: psutil.Process
    counter: Counter
    """Of what the gateway asks its Prefect server."""

    def mark(self) -> Mark:
        """Return what was spent so far."""
        return Mark(
            at=time.perf_counter(),
            requests=self.counter.requests,
            prefect_cpu=_cpu(self.prefect_process),
            gateway_cpu=_cpu(self.gateway_process),
        )

    def since(self, mark: Mark) -> Load:
        """Return what was spent since then."""
        now = self.mark()
        seconds = now.at - mark.at
        return Load(
            seconds=seconds,
            requests=(now.requests - mark.requests) / seconds,
            prefect_cpu=(now.prefect_cpu - mark.prefect_cpu) / seconds,
            gateway_cpu=(now.gateway_cpu - mark.gateway_cpu) / seconds,
        )


@contextmanager
def prefect_server() -> Iterator[None]:
    """Start a Prefect server with a database of its own, default settings, and use it inside."""
    with tempfile.TemporaryDirectory(prefix="ltx-bench-") as folder:
        port = _free_port()
        url = f"http://127.0.0.1:{port}/api"
        process = Popen(
            [str(_BIN / "prefect"), "server", "start", "--no-ui", "--port", str(port)],
            env={**os.environ, "PREFECT_HOME": folder, "PREFECT_SERVER_ANALYTICS_ENABLED": "false"},
            stdout=DEVNULL,
            stderr=DEVNULL,
        )
        try:
            _wait_for(f"{url}/health")
            with temporary_settings({PREFECT_API_URL: url}):
                yield
        finally:
            process.terminate()
            process.wait(60)


def furnished(folder: Path) -> Furniture:
    """Save a store, make a key, a pool with the queues of ``ltx deploy``, and a deployment."""
    name = f"bench-{uuid.uuid4().hex[:12]}"
    store = MediaStore(root=str(folder / name))
    store.save(name)
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=name, type="process"))
        for queue, priority in (("interactive", 1), ("batch", 2)):
            client.create_work_queue(name=queue, work_pool_name=name, priority=priority)
    deployment = RunnerDeployment.from_flow(
        generate_video,
        name=name,
        parameters={"store": name},
        work_pool_name=name,
        work_queue_name="interactive",
        entrypoint_type=EntrypointType.MODULE_PATH,
    ).apply()
    at = urlsplit(str(PREFECT_API_URL.value()))
    return Furniture(
        name=name,
        deployment=deployment,  # type: ignore[arg-type]  # typed for both kinds of callers
        key=KeyRing(store).create("bench", scope="user").key,
        prefect=Address(str(at.hostname), at.port or 80),
    )


@asynccontextmanager
async def opened(furniture: Furniture) -> AsyncIterator[GatewayHouse]:
    """Start the gateway, its requests to Prefect counted on their way."""
    async with counted(furniture.prefect) as counter:
        command = ("gateway", "--port", "0", "--deployment", f"generate-video/{furniture.name}")
        process = await asyncio.create_subprocess_exec(
            str(_BIN / "ltx"),
            *command,
            env={**os.environ, "PREFECT_API_URL": f"http://{counter.address.netloc}/api"},
            stderr=PIPE,
        )
        said = _said(process)
        at = await _listening(said)
        hearing = asyncio.create_task(_hear(said))
        try:
            yield GatewayHouse(
                furniture=furniture,
                gateway=at,
                gateway_process=psutil.Process(process.pid),
                prefect_process=_process_at(furniture.prefect.port),
                counter=counter,
            )
        finally:
            process.terminate()
            await process.wait()
            await hearing


def _said(process: asyncio.subprocess.Process) -> asyncio.StreamReader:
    if process.stderr is None:
        raise RuntimeError("the gateway's words are not read")
    return process.stderr


async def _listening(said: asyncio.StreamReader) -> Address:
    line = (await asyncio.wait_for(said.readline(), _START_SECONDS)).decode()
    found = re.search(r"http://([^:]+):(\d+)", line)
    if found is None:
        raise RuntimeError(line)
    return Address(found[1], int(found[2]))


async def _hear(said: asyncio.StreamReader) -> None:
    """Show what a gateway says while it runs: it has something to complain of."""
    while line := await said.readline():
        sys.stderr.write(f"gateway: {line.decode()}")


def _cpu(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return float(spent.user + spent.system)


def _process_at(port: int) -> psutil.Process:
    """Return the process that listens at a port of this machine."""
    listening = (
        one.pid
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr.port == port and one.pid
    )
    return psutil.Process(next(listening))


def _wait_for(url: str) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        with suppress(httpx.TransportError):
            httpx.get(url, timeout=5).raise_for_status()
            return
        time.sleep(0.2)
    raise TimeoutError(url)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
