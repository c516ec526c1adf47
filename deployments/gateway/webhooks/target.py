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
from deployments.gateway.hosts import address_of
from deployments.gateway.house import House
from ltxv.errors import Refused

QUERY = "fal_webhook"
TAG = "webhook"
"""Tag of the flow runs that someone wants to be told of; the automation looks for it."""
DEPLOYMENT = "deliver-webhook/cpu"
"""Whose runs deliver; `ltx deploy` makes it, with the automation."""
_URL = "gateway.webhook"
_MEDIA = "gateway.webhook.media"
_PRIVATE = "gateway.webhook.private"


class Target(NamedTuple):
    """Where a request's outcome is sent."""

    url: str
    media: str
    """Address of the gateway's files, as the caller reached it."""
    private: bool
    """Whether the operator lets it be a private address."""

    @property
    def labels(self) -> dict[str, str]:
        """What is kept with the flow run."""
        return {_URL: self.url, _MEDIA: self.media, _PRIVATE: str(self.private).lower()}

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
    if not url:
        return None
    house: House = request.app.state.house
    target = Target(url, address_of(request, "media"), house.allow_private_webhooks)
    try:
        check_target(url, limits=target.limits(1), loc=(QUERY,))
    except Refused as refused:
        wrong = [{**one, "loc": ["query", QUERY]} for one in refused.detail]
        raise Failure.of_details(wrong) from refused
    return target


async def check_delivery(prefect: PrefectClient) -> None:
    """Refuse a request whose sender nobody would tell.

    Raises:
        Failure: The server was not set up for webhooks.
    """
    try:
        await prefect.read_deployment_by_name(DEPLOYMENT)
    except ObjectNotFound as error:
        said = f"webhooks are not set up here: the operator makes {DEPLOYMENT} by `ltx deploy`"
        raise Failure(503, said, error_type="internal_error") from error


def kept_target(run: FlowRun) -> Target | None:
    """Return where the outcome of a flow run is to be sent; None if nobody asked for it."""
    labels: Mapping[str, object] = run.labels or {}
    url = labels.get(_URL)
    if not isinstance(url, str):
        return None
    return Target(url, str(labels.get(_MEDIA, "")), labels.get(_PRIVATE) == "true")


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # to be refused as no URL
        return ""
