"""The doors: drafts are asked for, and some of them are refined."""

from __future__ import annotations

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from starlette.responses import JSONResponse, Response

from blocks.draft_notes import noted_drafts
from deployments.gateway.drafts.asked import drafts_body
from deployments.gateway.drafts.choice import Choice, chosen, let_go, request_of, resume
from deployments.gateway.endpoint_ids import Endpoint
from deployments.gateway.failures import REQUEST_ID, Failure
from deployments.gateway.house import House
from deployments.gateway.openapi import ERRORS
from deployments.gateway.queue_routes import Asks, NotFound, found, paths_of, submit_to
from deployments.gateway.runs import Run
from deployments.gateway.small_body import body_schema, small_body
from deployments.gateway.status import Status, status_of

_WHAT = (
    "Make the first pass for several seeds and wait for a choice. While the request waits, its "
    "status is IN_PROGRESS and has `choice`: the drafts with small clips to look at, and where to "
    "send the numbers to refine."
)


def add_drafts(router: APIRouter, endpoint: Endpoint) -> None:
    """Add the drafts of an endpoint; routes that several have in common are added once.

    Args:
        router: Where they are added.
        endpoint: Whose they are.
    """
    router.add_api_route(
        f"/queue/{endpoint.id}/drafts",
        submit_to(endpoint, drafts=True),
        methods=["POST"],
        summary="Submit a request for drafts",
        description=_WHAT,
        responses={200: {"model": Status}, **ERRORS},
        openapi_extra=drafts_body(endpoint),
    )
    known = paths_of(router)
    for root in endpoint.paths:
        at = f"/queue/{root}/requests/{{request_id}}/refine"
        if at not in known:
            router.add_api_route(
                at,
                refine,
                methods=["POST"],
                summary="Refine drafts",
                status_code=202,
                responses={200: {"model": Status}, 202: {"model": Status}, **ERRORS},
                openapi_extra=body_schema(Choice),
            )


async def refine(
    request: Request,
    request_id: str,
    asks: Asks,
    choice: Annotated[Choice, Depends(small_body(Choice))],
) -> Response:
    """Refine the drafts that were chosen, from their saved latents; the same choice again is one.

    The answer is the status of the request, which goes back into the queue.
    """
    seen = await found(request, request_id, asks)
    if not seen.makes_drafts:
        raise _refused(seen, "it makes no drafts; ask for drafts at POST …/drafts")
    run = await _read(seen, request)
    wanted = choice.wanted_of(request_of(run))
    if run.state is not None and run.state.is_paused():
        await _check_among_drafts(choice, run, request)
        await let_go(run)
        house: House = request.app.state.house
        async with house.allowance.admitted(asks):
            await resume(run, wanted, request.app.state.prefect)
        run = await _read(seen, request)
    now = Run.seen(run) or seen
    request.app.state.board.note(now)
    await _check_is_what_was_chosen(wanted, run, now, request)
    content = await status_of(now, request, lines=())
    headers = {REQUEST_ID: str(now.id)}
    return JSONResponse(content, status_code=200 if now.over else 202, headers=headers)


async def _read(seen: Run, request: Request) -> FlowRun:
    prefect: PrefectClient = request.app.state.prefect
    try:
        return await prefect.read_flow_run(seen.id)
    except ObjectNotFound as gone:
        raise NotFound from gone


async def _check_among_drafts(choice: Choice, run: FlowRun, request: Request) -> None:
    """Refuse what cannot be chosen of a run that waits for it.

    Raises:
        Refused: It is none of the drafts, or its settings do not fit together.
    """
    house: House = request.app.state.house
    note = await to_thread.run_sync(noted_drafts, str(run.id), house.store)
    choice.check(request_of(run), [] if note is None else note.numbers)


async def _check_is_what_was_chosen(
    wanted: dict[str, Any], run: FlowRun, now: Run, request: Request
) -> None:
    """Refuse a choice that is not the one that the run goes on with.

    Raises:
        Failure: Another one was made, or none can be.
    """
    if now.over and not now.succeeded:
        said = "was cancelled" if now.state == "Cancelled" else "failed"
        raise _refused(now, f"the request {said}; ask for drafts again")
    made = await chosen(run, request.app.state.prefect)
    if made is None:
        raise _refused(now, "its drafts are not ready yet; wait until its status has `choice`")
    if made != wanted:
        numbers = ", ".join(map(str, made["drafts"]))
        said = (
            f"the choice was made: {numbers}; another draft is refined by a request with its seed"
        )
        raise Failure(409, said, error_type="bad_request", headers={REQUEST_ID: str(now.id)})


def _refused(run: Run, said: str) -> Failure:
    return Failure(400, said, error_type="bad_request", headers={REQUEST_ID: str(run.id)})
