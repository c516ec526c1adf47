"""One GPU: the engine that serves it, and the worker whose runs use that engine."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil

from blocks.remote_engine import SOCKET
from blocks.worker import WORKER_SOCKET
from deployments.speaker import LINE_HANDLER, logs_are_json
from deployments.worker.bound import PARENT, bound
from deployments.worker.child import Child
from deployments.worker.engine_watch import EngineWatch
from deployments.worker.state import PairState
from deployments.worker.whereabouts import DOOR

_ANSWER_SECONDS = 2.0
_PATIENCE = {
    # A server that is away is asked again for 8 minutes, each time after twice as long.
    "PREFECT_CLIENT_MAX_RETRIES": "8",
    # One whose database is away says so by an internal error, of which a run would die.
    "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",
}


class Settings(NamedTuple):
    """What all pairs have in common."""

    pool: str
    queues: Sequence[str]
    model: str
    concurrency: int
    socket_folder: Path


class Pair:
    """An engine and a worker.

    Args:
        gpu: Number of the GPU; None for the CPU.
        settings: What all pairs have in common.
    """

    def __init__(self, gpu: int | None, settings: Settings) -> None:
        self.name = "cpu" if gpu is None else f"gpu {gpu}"
        self.gpu = "cpu" if gpu is None else str(gpu)
        self.watch = EngineWatch()
        self._socket = settings.socket_folder / f"{self.name.replace(' ', '')}.sock"
        self.engine = Child(
            _engine_command(gpu, settings, self._socket), {PARENT: str(os.getpid())}
        )
        self.worker = Child(
            bound(_worker_command(self.name, settings), signal.SIGKILL),
            _environment(self._socket, settings),
            quiet=logs_are_json(),  # what it prints is no JSON
        )
        self._runs: dict[int, psutil.Process] = {}
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(self._socket)),
            base_url="http://engine",
            timeout=_ANSWER_SECONDS,
        )

    def keep_going(self) -> None:
        """Keep the engine going and, once it was ready, the worker."""
        self.engine.keep_going()
        if self.worker.started or self.engine_state() == "ready":
            self.worker.keep_going()

    def engine_state(self) -> str:
        """Ask the engine what it is about, and return that."""
        if not self.engine.alive:
            self.watch.gone("down")
        else:
            try:
                health = self._http.get("/health").json()
                self.watch.hear(health, restarts=self.engine.restarts)
            except (httpx.HTTPError, ValueError, KeyError):
                self.watch.gone("starting")
        return self.watch.state

    def runs(self) -> list[psutil.Process]:
        """Return the processes of the flow runs at hand, those of an earlier worker included."""
        for process in self.worker.children():
            self._runs.setdefault(process.pid, process)
        self._runs = {pid: process for pid, process in self._runs.items() if lives(process)}
        return list(self._runs.values())

    def state(self) -> PairState:
        """Return how engine and worker are."""
        worker = "online" if self.worker.alive else "down" if self.worker.started else "waiting"
        return PairState(
            name=self.name,
            engine=self.engine_state(),
            worker=worker,
            runs=len(self.runs()),
            restarts=self.engine.restarts + self.watch.own_restarts + self.worker.restarts,
        )

    def line(self) -> str:
        """Return the state in one line."""
        state = self.state()
        said = f"{self.name}: engine {state.engine}, worker {state.worker}, {state.runs} runs"
        return f"{said}, {state.restarts} restarts" if state.restarts else said

    def take_no_more(self) -> list[psutil.Process]:
        """End the worker but not its runs, which report to the server themselves.

        A stock worker that is told to end takes its runs with it and leaves them `Running` at
        the server, so it is not told.

        Returns:
            The processes of the runs that go on.
        """
        runs = self.runs()
        self.worker.send(signal.SIGKILL)
        self.worker.wait(_ANSWER_SECONDS)
        return runs

    def end(self, seconds: float) -> None:
        """Let the engine finish, at most for ``seconds``."""
        self.engine.send(signal.SIGTERM)
        if not self.engine.wait(seconds):
            self.engine.send(signal.SIGKILL)
            self.engine.wait(_ANSWER_SECONDS)


def _engine_command(gpu: int | None, settings: Settings, at: Path) -> list[str]:
    command = [_program("ltx"), "engine", "--model", settings.model, "--socket", str(at)]
    return command if gpu is None else [*command, "--gpu", str(gpu)]


def lives(process: psutil.Process) -> bool:
    """Say whether a process is still there and at work."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _worker_command(name: str, settings: Settings) -> list[str]:
    where = f"{socket.gethostname()} {name}"
    queues = [part for queue in settings.queues for part in ("--work-queue", queue)]
    return [
        *[_program("prefect"), "worker", "start", "--pool", settings.pool, "--type", "process"],
        *["--name", where, "--limit", str(settings.concurrency), *queues],
    ]


def _environment(at: Path, settings: Settings) -> dict[str, str]:
    """Return what runs see: their engine, and the worker that wants to hear what they do."""
    return {
        SOCKET: str(at),
        WORKER_SOCKET: str(settings.socket_folder / DOOR),
        PARENT: str(os.getpid()),
        # A worker that takes a run up again before it let go of it dies of it, and it takes runs
        # that are due within 10 seconds unless told otherwise.
        "PREFECT_WORKER_PREFETCH_SECONDS": "0",
        "PREFECT_WORKER_QUERY_SECONDS": os.environ.get("PREFECT_WORKER_QUERY_SECONDS", "2"),
        **{name: os.environ.get(name, value) for name, value in _PATIENCE.items()},
        # Prefect's own handler ends a run whose log nobody reads any more: its worker was killed.
        "PREFECT_LOGGING_HANDLERS_CONSOLE_CLASS": LINE_HANDLER,
    }


def _program(name: str) -> str:
    """Return a program of this installation, whatever the PATH says."""
    return str(Path(sys.executable).with_name(name))
