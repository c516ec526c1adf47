"""The queue: submit, status, result and cancel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, Response

from deployments.gateway.access.caller import Caller
from deployments.gateway.access.guard import caller
from deployments.gateway.board import Board
from deployments.gateway.connections import connection_of
from deployments.gateway.drafts.refined import RefinedDrafts
from deployments.gateway.endpoint_ids import Endpoint
from deployments.gateway.failures import REQUEST_ID, Failure
from deployments.gateway.openapi import ERRORS, request_body
from deployments.gateway.outcome import result_of
from deployments.gateway.runs import Run, cancel
from deployments.gateway.status import Status, status_of, urls
from deployments.gateway.submitting import submitted
from ltxv.result import VideoResult

_TRUE = ("1", "true", "yes", "on")

Asks = Annotated[Caller, Depends(caller)]
Answer = Callable[..., Awaitable[Response]]


class Cancelled(BaseModel):
    """What became of a cancel."""

    status: str
    success: bool


def add_queue(router: APIRouter, endpoint: Endpoint) -> None:
    """Add the routes of an endpoint; those that several have in common are added once.

    Args:
        router: Where they are added.
        endpoint: Whose they are.
    """
    router.add_api_route(
        f"/queue/{endpoint.id}",
        submit_to(endpoint),
        methods=["POST"],
        summary="Submit a request",
        description="Put a request into the queue. It is checked first, all of it.",
        responses={200: {"model": Status}, **ERRORS},
        openapi_extra=request_body(endpoint),
    )
    known = paths_of(router)
    for root in endpoint.paths:
        at = f"/queue/{root}/requests/{{request_id}}"
        if at in known:
            continue
        both = {200: Status, 202: Status}
        _add(router, f"{at}/status", status, "Where a request is", models=both)
        _add(router, at, result, "What a request made", models={200: VideoResult | RefinedDrafts})
        router.add_api_route(f"{at}/response", result, methods=["GET"], include_in_schema=False)
        cancelled = {202: Cancelled}
        _add(
            router,
            f"{at}/cancel",
            cancel_request,
            "Cancel a request",
            models=cancelled,
            method="PUT",
        )


def paths_of(router: APIRouter) -> set[str]:
    """Return the paths that a router has routes for."""
    return {route.path for route in router.routes if isinstance(route, APIRoute)}


def _add(
    router: APIRouter,
    path: str,
    answer: Answer,
    summary: str,
    *,
    models: Mapping[int, Any],
    method: str = "GET",
) -> None:
    responses: dict[int | str, dict[str, Any]] = {
        code: {"model": model} for code, model in models.items()
    }
    router.add_api_route(
        path,
        answer,
        methods=[method],
        summary=summary,
        status_code=min(models),
        responses={**responses, **ERRORS},
    )


def submit_to(endpoint: Endpoint, *, drafts: bool = False) -> Answer:
    """Return what answers a submit.

    Args:
        endpoint: Where it is sent.
        drafts: Whether drafts are made.
    """

    async def submit(request: Request, asks: Asks) -> Response:
        run = await submitted(request, endpoint, asks, drafts=drafts)
        board: Board = request.app.state.board
        content = {
            "status": "IN_QUEUE",
            "queue_position": await board.position(run),
            **urls(run, request),
            "logs": [],
            "metrics": {},
        }
        return JSONResponse(
            content,
            headers={REQUEST_ID: str(run.id)},
            background=BackgroundTask(
                request.app.state.once.sent, run.id, request, connection_of(request)
            ),
        )

    return submit


async def status(request: Request, request_id: str, asks: Asks) -> Response:
    """Say where a request is: 202 until it is over, then 200, also when it failed.

    `logs=1` adds its log lines.
    """
    run = await found(request, request_id, asks)
    board: Board = request.app.state.board
    lines = await board.lines(run) if wants_logs(request) else ()
    content = await status_of(run, request, lines=lines)
    return _answer(run, content, status=200 if run.over else 202)


async def result(request: Request, request_id: str, asks: Asks) -> Response:
    """Give what a request made, or why it made nothing."""
    board: Board = request.app.state.board
    run = await found(request, request_id, asks)
    if not run.over:  # whoever comes for the result may know more than was seen last
        run = await board.look(run.id) or run
    if not run.over:
        said = "Request is still in progress"
        if run.paused_at is not None:
            said = "Request waits for a choice of its drafts"
        raise Failure.of_type("bad_request", said, **_id(run))
    try:
        content = await result_of(run, request)
    except Failure as failure:
        failure.headers |= {REQUEST_ID: str(run.id)}
        raise
    return _answer(run, content)


async def cancel_request(request: Request, request_id: str, asks: Asks) -> Response:
    """Take a request out of the queue, or stop it between two steps."""
    board: Board = request.app.state.board
    await found(request, request_id, asks)
    run = await board.look(UUID(request_id))
    if run is None or run.over:
        said = "the request is over already"
        content = {"status": "ALREADY_COMPLETED", "detail": said, "message": said}
        return JSONResponse({**content, "success": False}, status_code=400, headers=_id_of(run))
    await cancel(run.id, request.app.state.prefect)
    await board.look(run.id)
    return _answer(run, {"status": "CANCELLATION_REQUESTED", "success": True}, status=202)


async def found(request: Request, request_id: str, asks: Caller) -> Run:
    """Return a request that the caller may see.

    Raises:
        Failure: There is none; that it is somebody else's looks the same.
    """
    board: Board = request.app.state.board
    try:
        run = await board.find(UUID(request_id))
    except ValueError:
        run = None
    if run is None or not asks.may_see(run.owner):
        raise NotFound
    request.app.state.once.asked(run)
    return run


def wants_logs(request: Request) -> bool:
    """Say whether a caller asks for log lines."""
    return request.query_params.get("logs", "").lower() in _TRUE


class NotFound(Failure):
    """There is no such request, as far as the caller may know."""

    def __init__(self) -> None:
        super().__init__(404, "there is no request with this id", error_type="not_found")

    @property
    def body(self) -> dict[str, Any]:
        """The JSON of the answer, with the word that cancel has for it."""
        return {**super().body, "status": "NOT_FOUND"}


def _answer(run: Run, content: Any, *, status: int = 200) -> Response:
    return JSONResponse(content, status_code=status, headers={REQUEST_ID: str(run.id)})


def _id_of(run: Run | None) -> dict[str, str]:
    return {} if run is None else {REQUEST_ID: str(run.id)}


def _id(run: Run) -> dict[str, str]:
    return {REQUEST_ID.replace("-", "_"): str(run.id)}
