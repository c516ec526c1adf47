"""The direct run: one call, held open until the video is there."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

from fastapi import APIRouter, Request
from prefect.client.orchestration import PrefectClient
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, Response

from deployments.gateway.board import AWAY, Board
from deployments.gateway.connections import connection_of
from deployments.gateway.endpoint_ids import Endpoint
from deployments.gateway.failures import REQUEST_ID, Failure
from deployments.gateway.once import RETURNED
from deployments.gateway.openapi import ERRORS, request_body
from deployments.gateway.outcome import result_of
from deployments.gateway.queue_routes import Asks
from deployments.gateway.runs import Run, cancel
from deployments.gateway.submitting import submitted
from ltxv.result import VideoResult

_BEAT_SECONDS = 5.0
_GRACE_SECONDS = 30.0
"""How long a call that lost its connection may be made again before its run is cancelled."""


class Held:
    """Runs that calls are held open for; one that everybody left is cancelled."""

    def __init__(self, prefect: PrefectClient, board: Board) -> None:
        self._prefect = prefect
        self._board = board
        self._held: Counter[UUID] = Counter()
        self._leaving: set[asyncio.Task[None]] = set()

    async def over(self, run: Run, request: Request) -> Run | None:
        """Wait until a run is over and return it; None if it was deleted.

        Args:
            run: As it was when this call got it: once another gateway has it, it says so.
            request: The call.

        Raises:
            Failure: The caller went away.
        """
        connection = connection_of(request)
        self._held[run.id] += 1
        try:
            async for seen in self._board.changes(run.id, every=_BEAT_SECONDS):
                if seen is None or seen.over:
                    return seen
                if connection.is_closed or await request.is_disconnected():
                    self._leave(run)
                    raise Failure.of_type("client_disconnected", "the client went away")
            return None
        finally:
            self._held[run.id] -= 1
            if not self._held[run.id]:
                del self._held[run.id]

    def _leave(self, run: Run) -> None:
        task = asyncio.create_task(self._cancel_unless_held(run))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _cancel_unless_held(self, left: Run) -> None:
        await asyncio.sleep(_GRACE_SECONDS)
        with suppress(*AWAY):
            seen = None if self._held[left.id] > 0 else await self._board.look(left.id)
            if seen is None or seen.over:
                return
            if seen.labels.get(RETURNED) == left.labels.get(RETURNED):  # else another gateway's
                await cancel(left.id, self._prefect)


def add_direct_run(router: APIRouter, endpoint: Endpoint) -> None:
    """Add the direct run of an endpoint.

    Args:
        router: Where it is added.
        endpoint: Whose it is.
    """
    router.add_api_route(
        f"/run/{endpoint.id}",
        _run_at(endpoint),
        methods=["POST"],
        summary="Run a request and wait for its result",
        description="The connection is held open until the video is there.",
        responses={200: {"model": VideoResult}, **ERRORS},
        openapi_extra=request_body(endpoint),
    )


def _run_at(endpoint: Endpoint) -> Callable[..., Awaitable[Response]]:
    async def run_directly(request: Request, asks: Asks) -> Response:
        held: Held = request.app.state.held
        run = await submitted(request, endpoint, asks)
        headers = {REQUEST_ID: str(run.id)}
        try:
            seen = await held.over(run, request)
            if seen is None:
                raise Failure.of_type("internal_error", "the run was deleted")
            content = await result_of(seen, request)
        except Failure as failure:
            failure.headers |= headers
            raise
        once = request.app.state.once
        return JSONResponse(
            content,
            headers=headers,
            background=BackgroundTask(once.sent, run.id, request, connection_of(request)),
        )

    return run_directly
