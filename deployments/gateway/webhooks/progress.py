"""Progress on its way: a flow that an automation runs when a worker begins a request.

It goes beside the run and holds nothing of it up: what happens meanwhile is sent together, every
two seconds at most. It ends when the run does, or waits for a choice.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import anyio
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.logging import get_run_logger
from prefect.states import Scheduled
from pydantic import Field

from blocks.gateway_identity import GatewayIdentity
from blocks.media_store import MediaStore
from blocks.saved import DEFAULT, saved
from deployments.gateway.access.seal import Seal
from deployments.gateway.drafts.offer import Offers
from deployments.gateway.runs import Run
from deployments.gateway.webhooks.events import body_of, events_of, ready
from deployments.gateway.webhooks.send import send
from deployments.gateway.webhooks.target import PROGRESS_DEPLOYMENT, Target, kept_target
from flows.plain_errors import log_errors_plainly
from ltxv.errors import Transient

UPTO = "gateway.webhook.upto"
"""Label of a request: the moment up to which its sender was told how it goes on."""
_EVERY_SECONDS = 2.0
_SLOWEST_SECONDS = 60.0
_SETTLE_SECONDS = 5.0
_RECEIVER_SECONDS = 15.0
_LATE = timedelta(seconds=30)
"""How much later than its own time an event may come to the server."""
_PAGE = 200
_TRIES = 12
"""For what happened last: the last one is an hour after the first."""
_LONGEST_WAIT_SECONDS = 600


@flow(name="tell-progress", flow_run_name="progress of {flow_run_id}, try {attempt}")
def tell_progress(
    flow_run_id: UUID, attempt: Annotated[int, Field(ge=1)] = 1, identity: str = DEFAULT
) -> None:
    """Tell the sender of a request how it goes on, until it has ended or waits for a choice.

    Args:
        flow_run_id: The request.
        attempt: Which try this is to tell what happened last.
        identity: Name of the saved LTX Gateway Identity block that signs.

    Raises:
        Refused: The address is not allowed, or redirects.
        Transient: The receiver still failed at the last try.
        Misconfigured: The store or the identity cannot be used.
    """
    log_errors_plainly()
    with get_client(sync_client=True) as client:
        teller = _Teller(flow_run_id, client, identity=identity)
        try:
            untold = teller.tell_all()
        finally:
            teller.note()
        if untold is None:
            return
        if attempt >= _TRIES:
            raise untold
        wait = timedelta(seconds=min(5 * 2 ** (attempt - 1), _LONGEST_WAIT_SECONDS))
        deployment = client.read_deployment_by_name(PROGRESS_DEPLOYMENT)
        client.create_flow_run_from_deployment(
            deployment.id,
            parameters={"flow_run_id": str(flow_run_id), "attempt": attempt + 1},
            state=Scheduled(scheduled_time=datetime.now(UTC) + wait),
        )


class _Teller:
    """What was told of a request so far."""

    def __init__(self, run: UUID, client: SyncPrefectClient, *, identity: str) -> None:
        self._run = run
        self._client = client
        self._who = saved(GatewayIdentity, identity)
        self._told: set[str] = set()
        self._upto: datetime | None = None

    def tell_all(self) -> Transient | None:
        """Tell all until nothing comes any more; return why the last could not be told."""
        wait = _EVERY_SECONDS
        settled = False
        while True:
            run = self._client.read_flow_run(self._run)
            seen, target = Run.seen(run), kept_target(run)
            if seen is None or target is None or not target.queue:
                get_run_logger().info("nobody asked to be told how the run goes on")
                return None
            failed: Transient | None = None
            try:
                self._tell(seen, target, run)
            except Transient as error:
                get_run_logger().warning("%s; it is told later", error)
                failed = error
            if settled and not _goes_on(seen):
                return failed
            # What happened last comes to the server a moment later than the end.
            settled = not _goes_on(seen)
            wait = min(2 * wait, _SLOWEST_SECONDS) if failed else _EVERY_SECONDS
            time.sleep(_SETTLE_SECONDS if settled else wait)

    def note(self) -> None:
        """Note up to when the sender was told, for whoever goes on when the run does."""
        if self._upto is not None:
            self._client.update_flow_run_labels(self._run, {UPTO: self._upto.isoformat()})

    def _tell(self, run: Run, target: Target, read: FlowRun) -> None:
        """Tell what is new.

        Raises:
            Transient: The receiver or the store fails.
        """
        happened = events_of(self._tasks())
        since = read.labels.get(UPTO)
        if isinstance(since, str):
            happened = [one for one in happened if one.at > datetime.fromisoformat(since) - _LATE]
        if run.paused_at is not None:
            happened += ready(run, self._offer(run, target, read.parameters))
        new = [event for event in happened if event.id not in self._told]
        if new:
            body = body_of(run, new)
            send(body, target, run, who=self._who, seconds=_RECEIVER_SECONDS)
            self._told.update(event.id for event in new)
            self._upto = max(event.at for event in new)

    def _offer(self, run: Run, target: Target, parameters: dict[str, Any]) -> dict[str, Any]:
        store = saved(MediaStore, parameters.get("store", DEFAULT))
        offers = Offers(store, Seal(self._who.secret.get_secret_value()))

        async def read() -> dict[str, Any]:
            return await offers.of(run, media=target.media)

        root = "/".join(run.endpoint.split("/")[:2])
        at = f"{target.queue}/{root}/requests/{run.id}/refine"
        return {**anyio.run(read), "refine_url": at}

    def _tasks(self) -> list[TaskRun]:
        mine = FlowRunFilter(id=FlowRunFilterId(any_=[self._run]))
        tasks: list[TaskRun] = []
        while True:
            page = self._client.read_task_runs(flow_run_filter=mine, limit=_PAGE, offset=len(tasks))
            tasks += page
            if len(page) < _PAGE:
                return tasks


def _goes_on(run: Run) -> bool:
    return run.phase == "IN_PROGRESS" and run.paused_at is None
