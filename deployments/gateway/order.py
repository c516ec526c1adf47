"""What a submit asks for, and the flow run that is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun

from deployments.gateway.endpoint_ids import Drafter, Endpoint
from deployments.gateway.failures import Failure
from deployments.gateway.runs import DRAFTS, ENDPOINT, START_BY, TAG, TIMED, Priority, owner_tag
from ltxv.request import VideoRequest


@dataclass(frozen=True)
class Order:
    """What a submit asks for."""

    endpoint: Endpoint
    owner: str
    """Id of the key that asked."""
    request: VideoRequest
    priority: Priority = "normal"
    start_by: float | None = None
    """Moment at which it is given up if it has not begun, in seconds of the Unix time."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """Further tags, by their kind."""
    tags: tuple[str, ...] = ()
    """Further tags that automations look for."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What else is kept with the run."""
    drafts: int | None = None
    """How many drafts are made to choose from; None for a video."""


async def create(
    order: Order, prefect: PrefectClient, *, key: str, labels: Mapping[str, str]
) -> FlowRun:
    """Create the flow run that makes a video; one that has the same key already is returned.

    Args:
        order: What is asked for.
        prefect: The server.
        key: Prefect's idempotency key.
        labels: Kept with a new run.

    Raises:
        Failure: Drafts are asked for, and nobody makes them.
    """
    endpoint = order.endpoint
    told: dict[str, str | float] = {**order.labels, **labels}
    if order.start_by is not None:
        told[START_BY] = order.start_by
    parameters: dict[str, Any] = {"request": order.request.model_dump(mode="json")}
    maker: Endpoint | Drafter = endpoint
    if order.drafts is not None:
        maker = drafter_of(endpoint)
        told[DRAFTS] = order.drafts
        parameters |= {**maker.parameters, "drafts": order.drafts}
    notes = [f"{kind}:{note}" for kind, note in order.notes.items()]
    timed = [] if order.start_by is None else [TIMED]
    return await prefect.create_flow_run_from_deployment(
        maker.deployment,
        parameters=parameters,
        name=order.request.headline,
        tags=[
            TAG,
            owner_tag(order.owner),
            f"{ENDPOINT}{endpoint.id}",
            *timed,
            *notes,
            *order.tags,
        ],
        idempotency_key=key,
        work_queue_name=maker.queues.get(order.priority),
        labels=told,
    )


def drafter_of(endpoint: Endpoint) -> Drafter:
    """Return what makes an endpoint's drafts.

    Raises:
        Failure: Nobody does.
    """
    if endpoint.drafter is None:
        said = (
            "drafts are not made here: the gateway found no deployment of draft-videos with the "
            "name of the one that makes the videos; the operator makes it by `ltx deploy` and "
            "starts the gateway again"
        )
        raise Failure(404, said, error_type="not_found")
    return endpoint.drafter
