"""Where a caller wants to be told, kept with the flow run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from starlette.requests import Request

from blocks.internet import FetchLimits
from blocks.internet.post import check_target
from deployments.gateway.failures import Failure
from deployments.gateway.headers import PROGRESS
from deployments.gateway.hosts import address_of
from deployments.gateway.house import House
from ltxv.errors import Refused

QUERY = "fal_webhook"
TAG = "webhook"
"""Tag of the flow runs that someone wants to be told of; the automation looks for it."""
PROGRESS_QUERY = "webhook_progress"
"""Of those who want to be told how it goes on as well; or a header."""
PROGRESS_TAG = "webhook-progress"
"""Tag of the flow runs whose senders do; another automation looks for it."""
DEPLOYMENT = "deliver-webhook/cpu"
"""Whose runs deliver; `ltx deploy` makes it, with the automation."""
PROGRESS_DEPLOYMENT = "tell-progress/cpu"
"""Whose runs tell how it goes on."""
_URL = "gateway.webhook"
_MEDIA = "gateway.webhook.media"
_PRIVATE = "gateway.webhook.private"
_QUEUE = "gateway.webhook.queue"
_TRUE = ("1", "true", "yes", "on")


class Target(NamedTuple):
    """Where a request's outcome is sent."""

    url: str
    media: str
    """Address of the gateway's files, as the caller reached it."""
    private: bool
    """Whether the operator lets it be a private address."""
    queue: str = ""
    """Address of the queue as the caller reached it, if it wants to be told how it goes on."""

    @property
    def labels(self) -> dict[str, str]:
        """What is kept with the flow run."""
        kept = {_URL: self.url, _MEDIA: self.media, _PRIVATE: str(self.private).lower()}
        return {**kept, _QUEUE: self.queue} if self.queue else kept

    @property
    def tags(self) -> tuple[str, ...]:
        """What automations look for."""
        return (TAG, PROGRESS_TAG) if self.queue else (TAG,)

    @property
    def deployments(self) -> tuple[str, ...]:
        """Whose runs tell."""
        return (DEPLOYMENT, PROGRESS_DEPLOYMENT) if self.queue else (DEPLOYMENT,)

    def limits(self, seconds: float) -> FetchLimits:
        """Return what sending may cost."""
        trusted = (_host_of(self.url),) if self.private else ()
        return FetchLimits(timeout_seconds=seconds, trusted_hosts=trusted)


def target_of(request: Request) -> Target | None:
    """Return where the outcome of a submit is to be sent; None if nobody asked for it.

    Raises:
        Failure: It is no address that anything could be sent to.
    """
    url = request.query_params.get(QUERY, "").strip()
    progress = _wants_progress(request)
    if not url and progress:
        said = f"is missing: progress is told to the address that {QUERY} has"
        wrong = [{"loc": ["query", QUERY], "msg": said, "type": "missing"}]
        raise Failure.of_details(wrong)
    if not url:
        return None
    house: House = request.app.state.house
    queue = address_of(request, "queue") if progress else ""
    target = Target(url, address_of(request, "media"), house.allow_private_webhooks, queue)
    try:
        check_target(url, limits=target.limits(1), loc=(QUERY,))
    except Refused as refused:
        wrong = [{**one, "loc": ["query", QUERY]} for one in refused.detail]
        raise Failure.of_details(wrong) from refused
    return target


async def check_delivery(target: Target, prefect: PrefectClient) -> None:
    """Refuse a request whose sender nobody would tell.

    Raises:
        Failure: The server was not set up for webhooks.
    """
    for name in target.deployments:
        try:
            await prefect.read_deployment_by_name(name)
        except ObjectNotFound as error:
            said = f"webhooks are not set up here: the operator makes {name} by `ltx deploy`"
            raise Failure(503, said, error_type="internal_error") from error


def kept_target(run: FlowRun) -> Target | None:
    """Return where the outcome of a flow run is to be sent; None if nobody asked for it."""
    labels: Mapping[str, object] = run.labels or {}
    url = labels.get(_URL)
    if not isinstance(url, str):
        return None
    return Target(
        url,
        str(labels.get(_MEDIA, "")),
        labels.get(_PRIVATE) == "true",
        str(labels.get(_QUEUE, "")),
    )


def _wants_progress(request: Request) -> bool:
    asked = (request.query_params.get(PROGRESS_QUERY), request.headers.get(PROGRESS))
    return any(str(one).lower() in _TRUE for one in asked)


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # to be refused as no URL
        return ""
