"""The status as server-sent events, until the request is over."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from deployments.gateway.board import Board
from deployments.gateway.endpoint_ids import Endpoint
from deployments.gateway.failures import REQUEST_ID
from deployments.gateway.lines import Line
from deployments.gateway.openapi import ERRORS
from deployments.gateway.queue_routes import Asks, found, paths_of, wants_logs
from deployments.gateway.runs import Run
from deployments.gateway.status import Status, status_of

_PING_SECONDS = 10.0
_EVENT = {"type": "string", "description": f"`data:` of each event: {Status.__name__} as JSON."}


def add_stream(router: APIRouter, endpoint: Endpoint) -> None:
    """Add the status stream of an endpoint.

    Args:
        router: Where it is added.
        endpoint: Whose it is.
    """
    known = paths_of(router)
    for root in endpoint.paths:
        at = f"/queue/{root}/requests/{{request_id}}/status/stream"
        if at not in known:
            router.add_api_route(
                at,
                status_stream,
                methods=["GET"],
                summary="Watch a request",
                responses={200: {"content": {"text/event-stream": {"schema": _EVENT}}}, **ERRORS},
            )


async def status_stream(request: Request, request_id: str, asks: Asks) -> Response:
    """Tell where a request is whenever that changes; each event has the log lines that are new."""
    run = await found(request, request_id, asks)
    headers = {REQUEST_ID: str(run.id), "cache-control": "no-cache", "x-accel-buffering": "no"}
    return StreamingResponse(_events(run, request), media_type="text/event-stream", headers=headers)


async def _events(run: Run, request: Request) -> AsyncIterator[str]:
    board: Board = request.app.state.board
    sent: set[Line] = set()
    last: object = None
    spoke = time.monotonic()
    async for seen in board.changes(run.id, every=_PING_SECONDS):
        if seen is None:
            return
        lines = await board.lines(seen) if wants_logs(request) else ()
        new = [line for line in lines if line not in sent]
        told = await status_of(seen, request, lines=new)
        if new or {**told, "logs": []} != last:
            yield f"data: {json.dumps(told)}\n\n"
            last = {**told, "logs": []}
            sent.update(new)
            spoke = time.monotonic()
        elif time.monotonic() - spoke > _PING_SECONDS:
            yield ": ping\n\n"
            spoke = time.monotonic()
