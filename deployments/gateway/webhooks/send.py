"""A signed body on its way to whoever wants to be told."""

from __future__ import annotations

from blocks.gateway_identity import GatewayIdentity
from blocks.internet.post import post
from deployments.gateway.runs import Run
from deployments.gateway.webhooks.key import WebhookKey
from deployments.gateway.webhooks.target import QUERY, Target
from ltxv.errors import Refused, Transient


def send(body: bytes, target: Target, run: Run, *, who: GatewayIdentity, seconds: float) -> int:
    """Send a body, and return the status with which it was accepted.

    Args:
        body: JSON.
        target: Where to.
        run: The request that it is about.
        who: Signs it.
        seconds: How long the receiver may take.

    Raises:
        Refused: It will never be accepted there.
        Transient: It may be later.
    """
    signed = WebhookKey(who.webhook_key.get_secret_value()).headers(
        body, request_id=str(run.id), user_id=run.owner
    )
    status = post(
        target.url,
        body,
        headers={"Content-Type": "application/json", **signed},
        limits=target.limits(seconds),
        loc=(QUERY,),
    )
    said = f"the receiver answered {status}"
    if 300 <= status < 400:  # noqa: PLR2004
        msg = f"{said}: redirects are not followed; give the final address"
        raise Refused.because((QUERY,), msg, type="value_error")
    if not 200 <= status < 300:  # noqa: PLR2004
        raise Transient(said)
    return status
