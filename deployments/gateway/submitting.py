"""From a caller's body to a flow run."""

from __future__ import annotations

from collections.abc import Mapping

from prefect.client.schemas.objects import FlowRun
from starlette.requests import Request

from deployments.gateway.access.caller import Caller
from deployments.gateway.board import Board
from deployments.gateway.connections import connection_of
from deployments.gateway.drafts.asked import drafts_request
from deployments.gateway.endpoint_ids import Endpoint
from deployments.gateway.failures import Failure
from deployments.gateway.headers import MATTER, idempotency_key, notes_of, priority_of, start_by
from deployments.gateway.house import House
from deployments.gateway.intake import body_of, video_request
from deployments.gateway.once import Create, Once, fingerprint
from deployments.gateway.order import Order, create, drafter_of
from deployments.gateway.runs import Run
from deployments.gateway.webhooks.target import check_delivery, target_of


async def submitted(
    request: Request, endpoint: Endpoint, asks: Caller, *, drafts: bool = False
) -> Run:
    """Check what a caller asks for and have Prefect make it.

    Args:
        request: The caller's.
        endpoint: Where it was sent.
        asks: Who sent it.
        drafts: Whether drafts are made, to choose from.

    Raises:
        Failure: A header or the body is not what the endpoint takes, or the caller's key allows no
            more for now.
        Refused: The request is not acceptable.
    """
    house: House = request.app.state.house
    board: Board = request.app.state.board
    target = target_of(request)
    if target is not None:
        await check_delivery(target, request.app.state.prefect)
    if drafts:
        drafter_of(endpoint)
    body = await body_of(request)
    number: int | None = None
    if drafts:
        asked, number = await drafts_request(body, endpoint, house=house, asks=asks)
    else:
        asked = await video_request(body, endpoint, house=house, asks=asks)
    order = Order(
        endpoint=endpoint,
        owner=asks.key_id,
        priority=priority_of(request.headers),
        start_by=start_by(request.headers),
        notes=notes_of(request.headers),
        request=asked,
        drafts=number,
        labels={} if target is None else target.labels,
        tags=() if target is None else target.tags,
    )

    async def make(key: str, labels: Mapping[str, str]) -> FlowRun:
        async with house.allowance.admitted(asks):
            return await create(order, request.app.state.prefect, key=key, labels=labels)

    run = Run.seen(await _once(request, body, asks, make))
    if run is None:
        raise Failure.of_type("internal_error", "Prefect gave back a run that is not this one")
    board.begin(run)
    request.app.state.deadlines.watch(run)
    return run


async def _once(request: Request, body: bytes, asks: Caller, make: Create) -> FlowRun:
    """Return the run of a request, the same if it is sent again."""
    once: Once = request.app.state.once
    matter = [f"{name}={request.headers.get(name, '')}" for name in MATTER]
    print_ = fingerprint(asks.key_id, request.url.path, request.url.query, *matter, body)
    key = idempotency_key(request.headers)
    if key is not None:
        return await once.run_with_key(
            fingerprint(asks.key_id, request.url.path, key), print_, make
        )
    return await once.run(print_, connection_of(request), make)
