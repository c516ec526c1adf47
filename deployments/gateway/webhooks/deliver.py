"""Webhooks on their way: a flow that an automation runs when a request has ended.

Each try is a flow run of its own, and the next one is scheduled at the Prefect server, so that no
process waits and no restart loses one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import anyio
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.logging import get_run_logger
from prefect.states import Scheduled
from pydantic import Field

from blocks.gateway_identity import GatewayIdentity
from blocks.media_store import MediaStore
from blocks.saved import DEFAULT, saved
from deployments.gateway.access.seal import Seal
from deployments.gateway.failures import Failure
from deployments.gateway.files.own import with_public_files
from deployments.gateway.outcome import outcome_of
from deployments.gateway.runs import Run
from deployments.gateway.webhooks.payload import payload_of
from deployments.gateway.webhooks.send import send
from deployments.gateway.webhooks.target import DEPLOYMENT, Target, kept_target
from flows.plain_errors import log_errors_plainly
from ltxv.errors import Transient

DELIVERED = "gateway.webhook.delivered"
"""Label of a request whose sender was told, with the status of the answer."""
_FIRST_SECONDS, _LATER_SECONDS = 15, 120
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 5, 600
_TRIES = 19
"""The last one is two hours after the first."""
_RESTART_SECONDS = 130
"""By then a run that crashed was started again, or never is."""


@flow(name="deliver-webhook", flow_run_name="webhook of {flow_run_id}, try {attempt}")
def deliver_webhook(
    flow_run_id: UUID,
    attempt: Annotated[int, Field(ge=1)] = 1,
    identity: str = DEFAULT,
) -> None:
    """Send what a request came to to the address that its caller gave.

    An answer of 2xx ends it, and so does a redirect, which is not followed. After any other one it
    is tried again, later each time, for two hours.

    Args:
        flow_run_id: The request.
        attempt: Which try this is.
        identity: Name of the saved LTX Gateway Identity block that signs.

    Raises:
        Refused: The address is not allowed, or redirects.
        Transient: The receiver still failed at the last try.
        Misconfigured: The store or the identity cannot be used.
    """
    log_errors_plainly()
    logger = get_run_logger()
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(flow_run_id)
        target, seen = kept_target(run), Run.seen(run)
        if target is None or seen is None:
            logger.info("nobody asked to be told of the run")
            return
        if not seen.over:
            _look_again(run, attempt, client)
            return
        if DELIVERED in run.labels:
            logger.info("it was delivered before")
            return
        store = saved(MediaStore, run.parameters.get("store", DEFAULT))
        try:
            status = _send(seen, target, store, identity=identity, attempt=attempt)
        except Transient as error:
            if attempt >= _TRIES:
                raise
            _again(run, attempt + 1, _wait(attempt), client)
            logger.warning("try %d: %s", attempt, error)
            return
        client.update_flow_run_labels(run.id, {DELIVERED: status})
    logger.info("delivered: the receiver answered %d", status)


def _send(run: Run, target: Target, store: MediaStore, *, identity: str, attempt: int) -> int:
    """Send it, and return the status with which it was accepted.

    Raises:
        Refused: It will never be accepted there.
        Transient: It may be later.
    """
    who = saved(GatewayIdentity, identity)
    seal = Seal(who.secret.get_secret_value())
    outcome = _outcome(run, target, store, seal)
    body = payload_of(outcome, request_id=str(run.id))
    seconds = _FIRST_SECONDS if attempt == 1 else _LATER_SECONDS
    return send(body, target, run, who=who, seconds=seconds)


def _outcome(run: Run, target: Target, store: MediaStore, seal: Seal) -> dict[str, Any] | Failure:
    """Return what a request came to, with addresses that its caller can open.

    Raises:
        Transient: The store cannot be reached.
    """
    try:
        made = anyio.run(outcome_of, run, store)
    except Failure as failure:
        return failure
    return with_public_files(made, store=store, seal=seal, media=target.media)


def _look_again(run: FlowRun, attempt: int, client: SyncPrefectClient) -> None:
    """See once more to a run that crashed and may be started again."""
    logger = get_run_logger()
    if run.state is None or not run.state.is_crashed():
        logger.info("the run goes on; it is told of when it ends")
        return
    wait = run.state.timestamp + timedelta(seconds=_RESTART_SECONDS) - datetime.now(UTC)
    _again(run, attempt, max(wait, timedelta(seconds=1)), client)
    logger.info("the run crashed and may be started again; it is told of if it is not")


def _again(run: FlowRun, attempt: int, wait: timedelta, client: SyncPrefectClient) -> None:
    """Schedule another try for the end that the request came to; once, whoever asks."""
    deployment = client.read_deployment_by_name(DEPLOYMENT)
    client.create_flow_run_from_deployment(
        deployment.id,
        parameters={"flow_run_id": str(run.id), "attempt": attempt},
        state=Scheduled(scheduled_time=datetime.now(UTC) + wait),
        idempotency_key=f"webhook-{run.id}-{run.state_id}-{attempt}",
    )


def _wait(attempt: int) -> timedelta:
    return timedelta(seconds=min(_FIRST_WAIT_SECONDS * 2 ** (attempt - 1), _LONGEST_WAIT_SECONDS))
