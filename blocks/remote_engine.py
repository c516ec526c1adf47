"""The engine of another process on this machine, reached over its Unix socket."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import httpx
from prefect.logging import get_logger
from prefect.runtime import flow_run

from blocks.frame_stream import frames_in
from blocks.worker import worker_is_gone
from ltxv.engine import (
    DecodeWork,
    FirstPassWork,
    OnFrames,
    OnStep,
    PassWork,
    PromptWork,
    SecondPassWork,
)
from ltxv.engine_time import tell_engine_time
from ltxv.errors import (
    Abandoned,
    Cancelled,
    EngineFault,
    Misconfigured,
    Refused,
    Transient,
    Violation,
)
from ltxv.tracing import carrier

SOCKET = "LTX_ENGINE_SOCKET"
"""Environment variable that names the socket; a worker sets it for its flow runs."""

_READY_SECONDS = 600.0
"""How long an engine may take to be ready: the 13B weights load from a slow disk."""
_QUIET_SECONDS = 3.0
_POLL_SECONDS = 0.5
_SILENCE_SECONDS = 60.0
"""An engine says something every second."""
_COMING = {"loading", "restarting"}
_ENDS = {"done", "failed", "cancelled"}
_CREATED, _CONFLICT, _BUSY, _AWAY = 201, 409, 429, 503

Input = bytes | Path
Inputs = Mapping[str, Input | Sequence[Path]]


def engine_socket() -> Path | None:
    """Return the socket of the engine that this process is to use; None for one of its own."""
    named = os.environ.get(SOCKET)
    return Path(named) if named else None


@cache
def remote_engine(socket: Path) -> RemoteEngine:
    """Return the client of the engine at ``socket``, one for all stages of this process."""
    return RemoteEngine(socket)


class RemoteEngine:
    """Serves the ``Engine`` protocol by asking another process.

    Args:
        socket: Unix socket that ``ltx engine`` serves.
    """

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._client = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket)),
            base_url="http://engine",
            timeout=httpx.Timeout(_SILENCE_SECONDS),
        )

    def encode_prompt(self, work: PromptWork) -> bytes:
        """Return safetensors: ``embeds`` (1, tokens, channels) and ``mask`` (1, tokens)."""
        return self._bytes("encode_prompt", work, {}, on_step=_unheard)

    def first_pass(
        self,
        work: FirstPassWork,
        *,
        prompt: bytes,
        items: Sequence[Path],
        on_step: OnStep,
        loras: Sequence[Path] = (),
    ) -> bytes:
        """Return safetensors: ``latents`` (1, C, T, H/32, W/32), normalised, and ``generator``."""
        inputs: Inputs = {"prompt": prompt, "items": items, "loras": loras}
        return self._bytes("first_pass", work, inputs, on_step=on_step)

    def second_pass(
        self,
        work: SecondPassWork,
        *,
        latents: bytes,
        prompt: bytes,
        items: Sequence[Path],
        on_step: OnStep,
        loras: Sequence[Path] = (),
    ) -> bytes:
        """Upsample x2, AdaIN to the first pass, refine; return the same form as ``first_pass``."""
        inputs: Inputs = {"latents": latents, "prompt": prompt, "items": items, "loras": loras}
        return self._bytes("second_pass", work, inputs, on_step=on_step)

    def decode(
        self, work: DecodeWork, *, latents: bytes, on_step: OnStep, on_frames: OnFrames
    ) -> None:
        """Hand out the finished frames, as the engine hands them out."""
        count = 0

        def bring(path: str) -> None:
            nonlocal count
            with self._fetched(path) as response:
                for frame in frames_in(response, (work.height, work.width, 3)):
                    count += 1
                    on_frames(frame)

        with self._asked("decode", work, {"latents": latents}) as path:
            self._follow(path, on_step, bring)
        if count != work.frames:
            raise Transient("the engine stopped in the middle of its answer")

    def describe(self) -> dict[str, Any]:
        """Return what runs where."""
        with self._reached():
            described: dict[str, Any] = self._client.get("/").json()
        return described

    def _bytes(
        self,
        stage: str,
        work: PromptWork | PassWork,
        inputs: Inputs,
        *,
        on_step: OnStep,
    ) -> bytes:
        with self._asked(stage, work, inputs) as path:
            self._follow(path, on_step)
            with self._fetched(path) as response:
                return response.read()

    @contextmanager
    def _asked(
        self, stage: str, work: PromptWork | PassWork | DecodeWork, inputs: Inputs
    ) -> Iterator[str]:
        """Have the engine take a job, and give the job's path."""
        with self._reached():
            self._wait_until_ready()
            job = {
                "stage": stage,
                "work": work.model_dump(mode="json"),
                "flow_run": flow_run.get_id(),
                **self._sent(inputs),
            }
            made = self._client.post("/jobs", json={"job": job}, headers=carrier())
            if made.status_code in {_BUSY, _AWAY, _CONFLICT}:
                raise Transient(f"the engine takes no job now: {made.text}")
            if made.status_code != _CREATED:
                raise Misconfigured(
                    f"the engine does not understand the job: {made.text[:500]}; run the same "
                    "version of LTX Flows on both sides"
                )
            yield f"/jobs/{made.json()['id']}"

    @contextmanager
    def _fetched(self, path: str) -> Iterator[httpx.Response]:
        with self._client.stream("GET", f"{path}/result") as response:
            if response.is_error:
                raise Transient("the engine lost the result; try again")
            yield response

    def _follow(
        self, path: str, on_step: OnStep, on_result: Callable[[str], None] | None = None
    ) -> None:
        """Wait until a job is done; leaving this early cancels it.

        Args:
            path: The job's.
            on_step: Called after each step.
            on_result: Called with the path once there are frames to be fetched.
        """
        with self._client.stream("GET", f"{path}/events") as response:
            for name, data in _events(response.iter_lines()):
                if name in _ENDS:
                    tell_engine_time(data["seconds"])
                if name == "step":
                    on_step(data["done"], data["total"])
                elif name == "frames" and on_result is not None:
                    on_result(path)
                elif name == "done":
                    return
                elif name == "cancelled":
                    raise Cancelled("the engine was asked to stop")
                elif name == "failed":
                    _raise(data)
        raise Transient("the engine went away in the middle of a stage")

    def _wait_until_ready(self) -> None:
        began, said = time.monotonic(), False
        while True:
            try:
                answer = self._client.get("/ready")
                if answer.is_success:
                    return
                state = answer.json().get("state")
            except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError) as error:
                state = f"away ({error})"
            if state not in _COMING and worker_is_gone():
                raise Abandoned(
                    f"the engine at {self._socket} is {state}, and so is the worker that would "
                    "start it again"
                )
            waited = time.monotonic() - began
            if waited > _QUIET_SECONDS and not said:
                said = True
                get_logger("ltx.engine").warning(
                    "waiting for the engine at %s, which is %s", self._socket, state
                )
            if waited > _READY_SECONDS:
                raise Transient(
                    f"the engine at {self._socket} is {state} and was not ready within "
                    f"{_READY_SECONDS:g} seconds; look at what `ltx engine` says"
                )
            time.sleep(_POLL_SECONDS)

    def _sent(self, inputs: Inputs) -> dict[str, Any]:
        """Bring inputs to the engine, unless it has them, and return their digests."""
        sent: dict[str, Any] = {}
        for name, given in inputs.items():
            if isinstance(given, bytes | Path):
                sent[name] = self._send(given)
            else:
                sent[name] = [self._send(file) for file in given]
        return sent

    def _send(self, given: Input) -> str:
        digest = _digest(given)
        path = f"/inputs/{digest}"
        if self._client.head(path).is_success:
            return digest
        if isinstance(given, bytes):
            answer = self._client.put(path, content=given)
        else:
            with given.open("rb") as file:
                answer = self._client.put(path, content=file)
        if answer.is_error:
            raise Transient(f"the engine did not take an input: {answer.text}")
        return digest

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            raise Transient(f"the engine at {self._socket} went away: {error}") from error


def _digest(given: Input) -> str:
    if isinstance(given, bytes):
        return hashlib.sha256(given).hexdigest()
    with given.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read server-sent events of one data line each."""
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def _raise(failure: Mapping[str, Any]) -> NoReturn:
    if failure["error"] == "Refused":
        raise Refused(
            *(
                Violation(loc=tuple(one["loc"]), msg=one["msg"], type=one["type"], ctx=one["ctx"])
                for one in failure["violations"]
            )
        )
    message = failure["message"]
    if failure["error"] == "Transient":
        raise Transient(message)
    if failure["error"] == "EngineFault":
        raise EngineFault(message)
    raise Misconfigured(message)


def _unheard(done: int, total: int) -> None:
    """Take no notice of steps."""
