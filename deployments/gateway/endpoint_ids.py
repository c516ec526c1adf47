"""The endpoint's ids, and which deployment answers under each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.responses import DeploymentResponse

from blocks.saved import DEFAULT

MULTICONDITIONING = "fal-ai/ltx-video-13b-distilled/multiconditioning"

_LOW = "batch"
"""Work queue of those who do not wait, as `ltx deploy` makes it."""


@dataclass(frozen=True)
class Endpoint:
    """One id, and what makes the videos that are asked for there."""

    id: str
    """Full id, such as ``fal-ai/ltx-video-13b-distilled/multiconditioning``."""
    deployment: UUID
    pool: str | None
    """Work pool of the deployment."""
    queues: Mapping[str, str] = field(default_factory=dict)
    """Work queue of each priority, ``normal`` and ``low``; one that is missing is the deployment's
    own."""
    model: str = DEFAULT
    """Block of the model that runs, for estimates."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Of the flow, besides the request."""

    @property
    def root(self) -> str:
        """The id that the clients use for status, result and cancel: owner and alias."""
        return "/".join(self.id.split("/")[:2])

    @property
    def paths(self) -> tuple[str, ...]:
        """The ids under which its requests are asked about."""
        return tuple(dict.fromkeys((self.root, self.id)))


def endpoints_of(deployment: DeploymentResponse) -> dict[str, Endpoint]:
    """Return the endpoints that a deployment answers for, by their ids."""
    pool = deployment.work_pool_name
    queues: dict[str, str] = {}
    if pool is not None:
        with get_client(sync_client=True) as client:
            names = {queue.name for queue in client.read_work_queues(work_pool_name=pool)}
        queues = {"low": _LOW} if _LOW in names else {}
    model = deployment.parameters.get("model", DEFAULT)
    endpoint = Endpoint(MULTICONDITIONING, deployment.id, pool, queues, model)
    return {endpoint.id: endpoint}
