"""The endpoint's ids, and which deployment answers under each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound

from blocks.saved import DEFAULT
from deployments.gateway.kinds import KINDS, Kind
from ltxv.errors import Refused

DISTILLED = "fal-ai/ltx-video-13b-distilled"
MULTICONDITIONING = f"{DISTILLED}/multiconditioning"

FAMILIES: Mapping[str, Mapping[str, Any]] = {
    DISTILLED: {},
    "fal-ai/ltxv-13b-098-distilled": {"frame_rate": 24, "constant_rate_factor": 29},
}
"""Ids without the last part, and what requests of each have where they name nothing."""

_LOW = "batch"
"""Work queue of those who do not wait, as `ltx deploy` makes it."""
_DRAFTS = "draft-videos"
_NOT_SHARED = ("request", "refresh")
"""What a deployment of videos may set and one of drafts does not take over."""


@dataclass(frozen=True)
class Drafter:
    """What makes the drafts of an endpoint."""

    deployment: UUID
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """The blocks that make the endpoint's videos make its drafts too."""
    queues: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Endpoint:
    """One id, and what makes the videos that are asked for there."""

    id: str
    """Full id, such as ``fal-ai/ltx-video-13b-distilled/multiconditioning``."""
    deployment: UUID
    pool: str | None
    """Work pool of the deployment."""
    kind: Kind
    """What its requests have."""
    queues: Mapping[str, str] = field(default_factory=dict)
    """Work queue of each priority, ``normal`` and ``low``; one that is missing is the deployment's
    own."""
    model: str = DEFAULT
    """Block of the model that runs, for estimates."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Of its requests, where they are not the request's own."""
    drafter: Drafter | None = None
    """None where nobody makes drafts."""

    @property
    def root(self) -> str:
        """The id that the clients use for status, result and cancel: owner and alias."""
        return "/".join(self.id.split("/")[:2])

    @property
    def paths(self) -> tuple[str, ...]:
        """The ids under which its requests are asked about."""
        return tuple(dict.fromkeys((self.root, self.id)))


def endpoints_of(deployment: DeploymentResponse, family: str = DISTILLED) -> dict[str, Endpoint]:
    """Return the endpoints that a deployment answers for, by their ids.

    Args:
        deployment: What makes their videos.
        family: Which checkpoint's they are.

    Raises:
        Refused: There is no such family.
    """
    if family not in FAMILIES:
        said = f"there is no endpoint {family!r}; the gateway knows {', '.join(FAMILIES)}"
        raise Refused.because(("endpoint",), said, type="value_error", input=family)
    with get_client(sync_client=True) as client:
        queues = _queues(deployment, client)
        drafter = _drafter(deployment, client)
    made = (
        Endpoint(
            id=f"{family}/{kind.path}".rstrip("/"),
            deployment=deployment.id,
            pool=deployment.work_pool_name,
            kind=kind,
            queues=queues,
            model=deployment.parameters.get("model", DEFAULT),
            defaults=FAMILIES[family],
            drafter=drafter,
        )
        for kind in KINDS.values()
    )
    return {endpoint.id: endpoint for endpoint in made}


def _queues(deployment: DeploymentResponse, client: SyncPrefectClient) -> dict[str, str]:
    pool = deployment.work_pool_name
    if pool is None:
        return {}
    names = {queue.name for queue in client.read_work_queues(work_pool_name=pool)}
    return {"low": _LOW} if _LOW in names else {}


def _drafter(deployment: DeploymentResponse, client: SyncPrefectClient) -> Drafter | None:
    """Return what makes drafts: the deployment of `draft-videos` with the same name."""
    try:
        found = client.read_deployment_by_name(f"{_DRAFTS}/{deployment.name}")
    except ObjectNotFound:
        return None
    shared = {
        name: value for name, value in deployment.parameters.items() if name not in _NOT_SHARED
    }
    return Drafter(found.id, shared, _queues(found, client))


def kind_of(id_: str) -> Kind:
    """Return what the requests of an endpoint have; of one that is served no more as well."""
    last = "/".join(id_.split("/")[2:])
    return KINDS.get(last, KINDS["multiconditioning"])
