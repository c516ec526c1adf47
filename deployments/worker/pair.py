"""One GPU: the engine that serves it, and the worker whose runs use that engine."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil

from blocks.remote_engine import SOCKET
from deployments.worker.child import Child

_ANSWER_SECONDS = 2.0


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
        self._socket = settings.socket_folder / f"{self.name.replace(' ', '')}.sock"
        self.engine = Child(_engine_command(gpu, settings, self._socket), {})
        self.worker = Child(_worker_command(self.name, settings), {SOCKET: str(self._socket)})
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
        """Return what the engine says it is about."""
        if not self.engine.alive:
            return "down"
        try:
            state: str = self._http.get("/health").json()["state"]
        except (httpx.HTTPError, ValueError, KeyError):
            return "starting"
        return state

    def runs(self) -> list[psutil.Process]:
        """Return the processes of the flow runs at hand."""
        return self.worker.children()

    def line(self) -> str:
        """Return the state in one line."""
        worker = "online" if self.worker.alive else "down" if self.worker.started else "waiting"
        restarts = self.engine.restarts + self.worker.restarts
        said = (
            f"{self.name}: engine {self.engine_state()}, worker {worker}, {len(self.runs())} runs"
        )
        return f"{said}, {restarts} restarts" if restarts else said

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


def _worker_command(name: str, settings: Settings) -> list[str]:
    where = f"{socket.gethostname()} {name}"
    queues = [part for queue in settings.queues for part in ("--work-queue", queue)]
    return [
        *[_program("prefect"), "worker", "start", "--pool", settings.pool, "--type", "process"],
        *["--name", where, "--limit", str(settings.concurrency), *queues],
    ]


def _program(name: str) -> str:
    """Return a program of this installation, whatever the PATH says."""
    return str(Path(sys.executable).with_name(name))
