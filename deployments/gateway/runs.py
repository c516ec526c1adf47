"""A request of the gateway is a flow run: made, seen and cancelled at the Prefect server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelled, Cancelling

from flows.results_over import kept_until
from flows.run_end import is_over

Phase = Literal["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]
Priority = Literal["normal", "low"]

TAG = "gateway"
OWNER = "key:"
ENDPOINT = "endpoint:"
TIMED = "gateway-timed"
"""Tag of those that are given up if they do not begin in time."""
START_BY = "gateway.start_by"
"""Label of a run that is given up if it has not begun by then, in seconds of the Unix time."""
DRAFTS = "gateway.drafts"
"""Label of a run that makes drafts, with their number."""
TIMED_OUT = "StartTimedOut"
"""Name of the state of a run that was given up."""

STATES: Mapping[Phase, Sequence[StateType]] = {
    "IN_QUEUE": (StateType.SCHEDULED, StateType.PENDING),
    "IN_PROGRESS": (StateType.RUNNING, StateType.CANCELLING, StateType.PAUSED),
    "COMPLETED": (
        StateType.COMPLETED,
        StateType.FAILED,
        StateType.CANCELLED,
        StateType.CRASHED,
    ),
}
"""Prefect's states by the endpoint's; how long one has lasted may make it another."""
_CANCEL_PATIENCE = timedelta(seconds=30)
"""How long a run that was cancelled may go on before nobody waits for it any more."""


def owner_tag(key_id: str) -> str:
    """Return the tag of all flow runs that a key asked for."""
    return f"{OWNER}{key_id}"


@dataclass(frozen=True)
class Run:
    """A request as it was seen last."""

    id: UUID
    owner: str
    endpoint: str
    phase: Phase
    state: str
    """Prefect's name of its state."""
    message: str | None
    began: datetime | None
    seconds: float
    """How long it has run."""
    pool: str | None
    queue: str | None
    due: datetime | None
    """When it came into the queue."""
    waits: bool
    """Whether a worker is still to take it."""
    labels: Mapping[str, Any]
    kept_until: datetime | None = None
    """When its result is gone, as its sender asked."""
    paused_at: datetime | None = None
    """Since when it waits for a choice; None if it does not."""

    @property
    def makes_drafts(self) -> bool:
        """Whether it makes drafts to choose from."""
        return DRAFTS in self.labels

    @property
    def over(self) -> bool:
        """Whether it ended, in whichever way."""
        return self.phase == "COMPLETED"

    @property
    def start_by(self) -> float | None:
        """When it is given up if it has not begun, in seconds of the Unix time."""
        by = self.labels.get(START_BY)
        return float(by) if isinstance(by, int | float) else None

    @property
    def succeeded(self) -> bool:
        """Whether there is a result."""
        return self.over and self.state == "Completed"

    @classmethod
    def seen(cls, run: FlowRun) -> Run | None:
        """Return a flow run as a request; None if it is none of the gateway's."""
        if TAG not in run.tags or run.state is None:
            return None
        return cls(
            id=run.id,
            owner=_tagged(run.tags, OWNER),
            endpoint=_tagged(run.tags, ENDPOINT),
            phase=_phase(run),
            state=_state(run),
            message=run.state.message,
            began=run.start_time,
            seconds=run.total_run_time.total_seconds(),
            pool=run.work_pool_name,
            queue=run.work_queue_name,
            due=run.next_scheduled_start_time or run.expected_start_time,
            waits=run.state.type == StateType.SCHEDULED,
            labels=run.labels,
            kept_until=kept_until(run),
            paused_at=run.state.timestamp if run.state.type == StateType.PAUSED else None,
        )


async def cancel(run: UUID, prefect: PrefectClient) -> None:
    """Take a run out of its queue, or have its worker stop it."""
    await prefect.set_flow_run_state(run, Cancelling(message="the client cancelled it"))


async def give_up(run: UUID, prefect: PrefectClient) -> None:
    """Take a run out of its queue that nobody began in time."""
    await prefect.set_flow_run_state(
        run, Cancelled(name=TIMED_OUT, message="no worker began it in the time that was given")
    )


def _phase(run: FlowRun) -> Phase:
    state = run.state
    if state is None or state.type in STATES["IN_QUEUE"]:
        return "IN_QUEUE"
    if state.type == StateType.CANCELLING:
        waited = datetime.now(UTC) - state.timestamp
        return "COMPLETED" if waited > _CANCEL_PATIENCE else "IN_PROGRESS"
    return "COMPLETED" if is_over(run) else "IN_PROGRESS"


def _state(run: FlowRun) -> str:
    state = run.state
    if state is None:
        return ""
    if state.type == StateType.COMPLETED:
        return "Completed"
    if state.type in (StateType.CANCELLED, StateType.CANCELLING) and state.name != TIMED_OUT:
        return "Cancelled"
    return state.name or state.type.value.title()


def _tagged(tags: Iterable[str], kind: str) -> str:
    return next((tag.removeprefix(kind) for tag in tags if tag.startswith(kind)), "")
