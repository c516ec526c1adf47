"""The application: every door of the gateway."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from prefect.client.orchestration import get_client
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.gateway.access.tokens import router as tokens
from deployments.gateway.board import AWAY, Board
from deployments.gateway.busy_server import ask_again_soon
from deployments.gateway.deadlines import Deadlines
from deployments.gateway.direct_run import Held, add_direct_run
from deployments.gateway.drafts.cost import add_drafts_plan
from deployments.gateway.drafts.offer import Offers
from deployments.gateway.drafts.routes import add_drafts
from deployments.gateway.failures import REQUEST_ID, TIMEOUT_TYPE, Failure, of_status
from deployments.gateway.files.cdn import router as cdn
from deployments.gateway.files.download import router as downloads
from deployments.gateway.files.room import Room
from deployments.gateway.files.storage import router as storage
from deployments.gateway.health import Examiner
from deployments.gateway.health import router as health
from deployments.gateway.hosts import Hosts
from deployments.gateway.house import House
from deployments.gateway.listing import router as listing
from deployments.gateway.metrics import Measured, Metrics
from deployments.gateway.metrics import router as metrics
from deployments.gateway.once import Once
from deployments.gateway.openapi import with_requests
from deployments.gateway.page import router as page
from deployments.gateway.planning import add_plan
from deployments.gateway.queue_routes import add_queue
from deployments.gateway.stream import add_stream
from deployments.gateway.webhooks.jwks import router as webhooks
from ltxv import __version__
from ltxv.errors import LTXError, Refused, Transient

_EXPOSED = (
    REQUEST_ID,
    TIMEOUT_TYPE,
    "x-fal-error-type",
    "x-fal-retryable",
    "x-fal-needs-retry",
    "x-fal-billable-units",
    "retry-after",
    "etag",
    "content-range",
)
_log = logging.getLogger("ltx.gateway")


def create_app(house: House) -> FastAPI:
    """Return the application of a gateway.

    Args:
        house: What the operator decided.
    """
    app = FastAPI(
        title="LTX Flows gateway",
        description="The hosted endpoint's protocol, in front of your own GPUs.",
        version=__version__,
        lifespan=_lifespan,
        redirect_slashes=False,
    )
    app.state.house = house
    app.state.offers = Offers(house.store, house.seal)
    router = APIRouter(tags=["queue"])
    for endpoint in house.endpoints.values():
        add_queue(router, endpoint)
        add_stream(router, endpoint)
        add_direct_run(router, endpoint)
        add_plan(router, endpoint)
        add_drafts(router, endpoint)
        add_drafts_plan(router, endpoint)
    app.include_router(router)
    routers = (tokens, listing, health, storage, cdn, downloads, webhooks, metrics, page)
    for more in routers:
        app.include_router(more)
    _answer_errors(app)
    app.openapi = lambda: _page(app)  # type: ignore[method-assign]  # as FastAPI's docs do
    app.state.room = Room(house.store, house.keys)
    app.state.metrics = Metrics()
    app.add_middleware(Measured, metrics=app.state.metrics)
    app.add_middleware(Hosts)
    app.add_middleware(_NamedAnswers)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=house.origins,
        allow_methods=["GET", "HEAD", "POST", "PUT", "DELETE"],
        allow_headers=["*"],
        expose_headers=_EXPOSED,
    )
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    hooks = {"event_hooks": {"response": [ask_again_soon]}}
    async with get_client(httpx_settings=hooks) as prefect, Board(prefect).watching() as board:
        app.state.prefect = prefect
        app.state.board = board
        app.state.once = Once(prefect)
        app.state.held = Held(prefect, board)
        app.state.examiner = Examiner(app.state.house, prefect)
        app.state.deadlines = Deadlines(prefect, board)
        await app.state.deadlines.take_over()
        yield


class _NamedAnswers:
    """Give every answer an id, its own where it is about no request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = REQUEST_ID.encode()

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                if all(key.lower() != name for key, _ in headers):
                    message["headers"] = [*headers, (name, str(uuid.uuid4()).encode())]
            await send(message)

        await self._app(scope, receive, send_named if scope["type"] == "http" else send)


def _answer_errors(app: FastAPI) -> None:
    app.add_exception_handler(Failure, _answer_failure)
    app.add_exception_handler(LTXError, _answer_ours)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_plain)
    for away in AWAY:
        app.add_exception_handler(away, _answer_away)
    app.add_exception_handler(Exception, _answer_fault)


async def _answer_failure(request: Request, error: Exception) -> Response:  # noqa: ARG001
    failure: Failure = _certain(error, Failure)
    return failure.response()


async def _answer_ours(request: Request, error: Exception) -> Response:
    if isinstance(error, Refused):
        return Failure.of_refusal(error).response()
    if isinstance(error, Transient):
        said = "the store cannot be reached at the moment; try again"
        _log.warning("%s %s: %s", request.method, request.url.path, error)
        return Failure(503, said, error_type="internal_error").response()
    return await _answer_fault(request, error)


async def _answer_invalid(request: Request, error: Exception) -> Response:  # noqa: ARG001
    wrong = [
        {"loc": list(one["loc"]), "msg": one["msg"], "type": one["type"]}
        for one in _certain(error, RequestValidationError).errors()
    ]
    return Failure.of_details(wrong).response()


async def _answer_plain(request: Request, error: Exception) -> Response:
    plain = _certain(error, HTTPException)
    if plain.status_code == 404:  # noqa: PLR2004
        return Failure(404, f"Path {request.url.path} not found").response()
    return of_status(plain.status_code, plain.detail, plain.headers).response()


async def _answer_away(request: Request, error: Exception) -> Response:
    _log.warning("%s %s: Prefect: %s", request.method, request.url.path, error)
    said = "the Prefect server cannot be reached at the moment; try again"
    headers = {"retry-after": "5"}
    return Failure(503, said, error_type="internal_error", headers=headers).response()


async def _answer_fault(request: Request, error: Exception) -> Response:
    _log.error("%s %s", request.method, request.url.path, exc_info=error)
    said = "the gateway failed; the operator finds the reason in its log"
    return Failure.of_type("internal_error", said).response()


def _certain(error: Exception, kind: type[Any]) -> Any:
    if not isinstance(error, kind):
        raise error
    return error


def _page(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        app.openapi_schema = with_requests(made)
    return app.openapi_schema
