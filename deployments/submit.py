"""A request handed to a deployment, whose workers make the video."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from ltxv.errors import Refused
from ltxv.tracing import TRACEPARENT, carrier

FLOW = "generate-video"
DEFAULT_DEPLOYMENT = f"{FLOW}/gpu"


def deployment_of(name: str) -> DeploymentResponse:
    """Return a deployment of ``generate-video``.

    Args:
        name: The deployment's full name, such as `generate-video/gpu`.

    Raises:
        Refused: The server has none of that name; with those that it has.
    """
    with get_client(sync_client=True) as client:
        if name.startswith(f"{FLOW}/"):
            try:
                return client.read_deployment_by_name(name)
            except ObjectNotFound:
                pass
        known = _known(client)
    there = f"there are {', '.join(known)}" if known else "make them with `ltx deploy`"
    raise Refused.because(
        ("deployment",),
        f"the server has no deployment {name!r} of {FLOW}; {there}",
        type="value_error",
        input=name,
    )


def submit(deployment: DeploymentResponse, parameters: Mapping[str, Any]) -> FlowRun:
    """Start a run of a deployment; its workers make it.

    Args:
        deployment: Whose run it is.
        parameters: Of the flow, as JSON; those left out are the deployment's.

    Raises:
        Refused: The server does not take the parameters; with its reason.
    """
    with get_client(sync_client=True) as client:
        try:
            return client.create_flow_run_from_deployment(
                deployment.id, parameters=dict(parameters), labels=_traced()
            )
        except PrefectHTTPStatusError as error:
            said = error.response.json().get("detail", error)
            raise Refused.because(
                (deployment.name,), f"the server does not take it: {said}", type="value_error"
            ) from error


def _traced() -> dict[str, bool | int | float | str] | None:
    """Return the label by which the run's trace goes on from here."""
    parent = carrier().get("traceparent")
    return {TRACEPARENT: parent} if parent else None


def _known(client: SyncPrefectClient) -> list[str]:
    ours = FlowFilter(name=FlowFilterName(any_=[FLOW]))
    return sorted(f"{FLOW}/{one.name}" for one in client.read_deployments(flow_filter=ours))
