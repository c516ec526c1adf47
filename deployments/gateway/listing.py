"""All requests of a caller: a list, a search, and an end to all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterName,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from deployments.gateway.access.caller import Caller
from deployments.gateway.openapi import ERRORS
from deployments.gateway.queue_routes import Asks
from deployments.gateway.runs import STATES, TAG, Phase, Run, cancel, owner_tag
from deployments.gateway.status import urls

_PAGE = 50
_MOST = 200
_OPEN = [*STATES["IN_QUEUE"], StateType.RUNNING, StateType.PAUSED]

router = APIRouter(tags=["requests"], responses=ERRORS)


class Listed(BaseModel):
    """A request in the list."""

    request_id: str
    status: Phase
    endpoint: str
    prompt: str
    created: str
    seconds: float
    succeeded: bool
    response_url: str
    status_url: str
    cancel_url: str


class Page(BaseModel):
    """A part of the list, the newest first."""

    requests: list[Listed]
    next_offset: int | None


class CancelledAll(BaseModel):
    """What was cancelled."""

    cancelled: list[str]


@router.get("/requests", summary="List your requests", responses={200: {"model": Page}})
async def list_requests(  # noqa: PLR0917 - FastAPI reads the parameters off the signature
    request: Request,
    asks: Asks,
    status: Literal["IN_QUEUE", "IN_PROGRESS", "COMPLETED"] | None = None,
    search: Annotated[
        str | None, Query(max_length=100, description="A part of the first words of the prompt.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST)] = _PAGE,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """List the requests of the key that asks, the newest first; an admin's key lists all."""
    prefect: PrefectClient = request.app.state.prefect
    read = await prefect.read_flow_runs(
        flow_run_filter=_of(asks, STATES[status] if status else None, search),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=limit,
        offset=offset,
    )
    listed = [_listed(run, request) for run in read]
    more = offset + limit if len(read) == limit else None
    content = {"requests": [one for one in listed if one is not None], "next_offset": more}
    return JSONResponse(content)


@router.put(
    "/requests/cancel",
    summary="Cancel all your requests",
    responses={200: {"model": CancelledAll}},
)
async def cancel_all(request: Request, asks: Asks) -> Response:
    """Cancel what waits or runs of the key that asks; an admin's key cancels its own alone."""
    prefect: PrefectClient = request.app.state.prefect
    mine = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[TAG, owner_tag(asks.key_id)]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_OPEN)),
    )
    cancelled: list[str] = []
    while page := await prefect.read_flow_runs(flow_run_filter=mine, limit=_MOST):
        new = [run for run in page if str(run.id) not in cancelled]
        if not new:
            break
        for run in new:
            await cancel(run.id, prefect)
            await request.app.state.board.look(run.id)
            cancelled.append(str(run.id))
    return JSONResponse({"cancelled": cancelled})


def _of(asks: Caller, states: Sequence[StateType] | None, search: str | None) -> FlowRunFilter:
    tags = [TAG] if asks.scope == "admin" else [TAG, owner_tag(asks.key_id)]
    chosen = None
    if states is not None:
        chosen = FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states)))
    return FlowRunFilter(
        tags=FlowRunFilterTags(all_=tags),
        state=chosen,
        name=None if search is None else FlowRunFilterName(like_=search),
    )


def _listed(read: FlowRun, request: Request) -> dict[str, Any] | None:
    run = Run.seen(read)
    if run is None:
        return None
    told = urls(run, request)
    del told["gateway_request_id"]
    return {
        **told,
        "status": run.phase,
        "endpoint": run.endpoint,
        "prompt": str(read.parameters.get("request", {}).get("prompt", "")),
        "created": read.created.isoformat() if read.created else "",
        "seconds": run.seconds,
        "succeeded": run.succeeded,
    }
