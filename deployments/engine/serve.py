"""The engine's process: HTTP in a thread beside, jobs in the main one, a clean end."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from deployments.engine.app import Door
from deployments.engine.failures import failure_of
from deployments.engine.inputs import Inputs
from deployments.engine.jobs import Event, Job, Jobs
from deployments.engine.tally import Tally
from deployments.speaker import Say, logs_are_json
from deployments.worker.bound import PARENT
from ltxv.engine import Engine
from ltxv.errors import Cancelled, LTXError, Misconfigured, Transient
from ltxv.scratch import scratch
from ltxv.tracing import send_spans, span, start_tracing

_BACKLOG = 64
_BEAT_SECONDS = 0.2
_DELIVERY_SECONDS = 60.0
"""How long a caller has to fetch an outcome before the process ends."""
_ALONE_SECONDS = 60.0
"""How long an engine without its worker waits for jobs of the runs that the worker left."""


class EngineProcess:
    """One engine, from its first byte of weights to its last answer.

    Args:
        engine: Whose work is served; ``load`` brings its weights.
        load: Loads the weights.
        at: Unix socket.
        most: How many jobs may wait.
        say: Where it tells what it is about.
    """

    def __init__(
        self, engine: Engine, load: Callable[[], None], *, at: Path, most: int, say: Say
    ) -> None:
        self._engine = engine
        self._load = load
        self._at = at
        self._say = say
        self._jobs = Jobs(most=most)
        self._tally = Tally()
        self._state = "loading"
        self._faulty = False
        self._last_seen = time.monotonic()

    def run(self) -> bool:
        """Serve until SIGTERM or SIGINT, or until the device is in an unknown state.

        On a signal no more jobs are taken, those there are end, and their outcomes are fetched.

        Returns:
            Whether the process has to start anew: after a fault its memory is not to be trusted.

        Raises:
            Misconfigured: The socket is in use, or the weights cannot be loaded.
        """
        start_tracing("ltx-engine")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._drain)
        with scratch() as folder:
            door = Door(
                self._engine,
                self._jobs,
                Inputs(folder),
                tally=self._tally,
                state=lambda: self._state,
            )
            with _listening(self._at) as listener:
                server = uvicorn.Server(_configured(door))
                web = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
                web.start()
                try:
                    self._serve()
                finally:
                    server.should_exit = True
                    web.join()
                    self._at.unlink(missing_ok=True)
        return self._faulty

    def _serve(self) -> None:
        self._load()
        if self._state == "loading":
            self._turn("ready")
        while self._state == "ready" or (self._jobs.waiting and not self._faulty):
            job = self._jobs.next(within=_BEAT_SECONDS)
            if job is not None and job.start():
                self._do(job)
                self._last_seen = time.monotonic()
            elif self._state == "ready" and self._left_alone():
                self._turn("draining")
        self._send_away()
        until = time.monotonic() + _DELIVERY_SECONDS
        while self._jobs.unfinished and time.monotonic() < until:
            time.sleep(_BEAT_SECONDS)

    def _left_alone(self) -> bool:
        """Say whether the worker that began this process is gone, and its runs are over too."""
        parent = os.environ.get(PARENT)
        if self._jobs.unfinished or parent is None or parent == str(os.getppid()):
            self._last_seen = time.monotonic()
        return time.monotonic() - self._last_seen > _ALONE_SECONDS

    def _do(self, job: Job) -> None:
        waited = round(time.monotonic() - job.asked, 3)
        with span(
            f"engine {job.stage}", carried=job.carried, flow_run=job.flow_run, waited_seconds=waited
        ) as work:
            self._work(job)
            work.set_attribute("ltx.outcome", job.state)
        self._tally.add(job.stage, job.state, job.seconds)
        self._say(
            f"{job.stage} {job.state} {job.seconds:.1f} s",
            stage=job.stage,
            outcome=job.state,
            seconds=round(job.seconds, 3),
            flow_run=job.flow_run,
        )

    def _work(self, job: Job) -> None:
        try:
            made = job.run(job)
        except Cancelled:
            job.end("cancelled", Event("cancelled", {}))
        except LTXError as error:
            self._fail(job, error)
        except Exception as error:  # noqa: BLE001 - a caller waits, whatever it was
            self._fail(job, error)
        else:
            size = job.frames.size if made is None else len(made)
            job.end("done", Event("done", {"bytes": size}), made)

    def _fail(self, job: Job, error: Exception) -> None:
        failure = failure_of(error)
        if failure["error"] == "EngineFault":
            self._faulty = True
            self._turn("restarting")
        job.end("failed", Event("failed", failure))

    def _send_away(self) -> None:
        """Let those who still wait try again: they are not done by a process that is not sound."""
        while (job := self._jobs.next(within=0)) is not None:
            again = Transient("the engine starts anew; try again")
            job.end("failed", Event("failed", failure_of(again)))

    def _drain(self, number: int, frame: object) -> None:  # noqa: ARG002 - a handler's signature
        self._turn("draining")

    def _turn(self, state: str) -> None:
        self._state = state
        self._say(json.dumps({"engine": str(self._at), "state": state}), state=state)


def _configured(door: Door) -> uvicorn.Config:
    return uvicorn.Config(
        door.app(),
        log_level="warning",
        log_config=None if logs_are_json() else uvicorn.config.LOGGING_CONFIG,
        lifespan="off",
        timeout_graceful_shutdown=5,
    )


@contextmanager
def _listening(at: Path) -> Iterator[socket.socket]:
    """Give a Unix socket that only this user may connect to."""
    at.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _refuse_taken(at)
    at.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        mask = os.umask(0o177)
        try:
            listener.bind(str(at))
        except OSError as error:
            raise Misconfigured(
                f"the socket {at} cannot be made: {error.strerror or error}; name another with "
                "--socket"
            ) from error
        finally:
            os.umask(mask)
        listener.listen(_BACKLOG)
        yield listener


def _refuse_taken(at: Path) -> None:
    """Refuse a socket on which someone answers, and a file that is no socket."""
    if not at.exists():
        return
    if not stat.S_ISSOCK(at.stat().st_mode):
        raise Misconfigured(f"{at} is there and is no socket; name another with --socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(at))
        except OSError:
            return
    raise Misconfigured(f"an engine serves {at} already; stop it, or name another with --socket")


def start_anew() -> None:
    """Take this process's place with the same command, its memory fresh."""
    send_spans()
    sys.stdout.flush()
    sys.stderr.flush()
    command = [sys.executable, *sys.orig_argv[1:]]
    os.execv(sys.executable, command)  # noqa: S606 - this very command, no shell
