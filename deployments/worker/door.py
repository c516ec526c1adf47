"""A worker's socket: its runs tell it what they did, and `ltx doctor` asks it how it is."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import uvicorn
from anyio import to_thread
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deployments.speaker import logs_are_json
from deployments.worker.state import RunFailure, RunPart, WorkerState

_LARGEST = 2**20


class Listener(Protocol):
    """Who hears what runs did, such as the worker's metrics."""

    def part(self, part: RunPart) -> None:
        """Hear what a part of a run did."""

    def failure(self, failure: RunFailure) -> None:
        """Hear that a run ended without a result."""


@contextmanager
def door(at: Path, *, state: Callable[[], WorkerState], listener: Listener) -> Iterator[None]:
    """Serve a worker's socket while inside.

    ``GET /`` is the state, ``POST /parts`` and ``POST /failures`` take what runs tell.

    Args:
        at: The socket, in a folder of this user alone.
        state: Says how the worker is.
        listener: Hears what its runs tell.
    """
    routes = _Routes(state, listener)
    config = uvicorn.Config(
        routes.app(),
        log_level="warning",
        log_config=None if logs_are_json() else uvicorn.config.LOGGING_CONFIG,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(at))
        listening.listen()
        web = threading.Thread(
            target=server.run, kwargs={"sockets": [listening]}, name="door", daemon=True
        )
        web.start()
        try:
            yield
        finally:
            server.should_exit = True
            web.join()


class _Routes:
    def __init__(self, state: Callable[[], WorkerState], listener: Listener) -> None:
        self._state = state
        self._listener = listener

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self.describe),
                Route("/parts", self.part, methods=["POST"]),
                Route("/failures", self.failure, methods=["POST"]),
            ]
        )

    async def describe(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's signature
        state = await to_thread.run_sync(self._state)
        return Response(state.model_dump_json(), media_type="application/json")

    async def part(self, request: Request) -> Response:
        try:
            self._listener.part(RunPart.model_validate_json(await _body(request)))
        except ValidationError:
            return Response(status_code=422)
        return Response(status_code=204)

    async def failure(self, request: Request) -> Response:
        try:
            self._listener.failure(RunFailure.model_validate_json(await _body(request)))
        except ValidationError:
            return Response(status_code=422)
        return Response(status_code=204)


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST:
            return b""
    return body
