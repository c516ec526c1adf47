"""When what happened to a run, by the server's and the run's own notes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from prefect import get_client
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import FlowRun, Log, State, StateType

FIRST_STEP = "first_pass: step 1 of"

_LOG_SECONDS = 30.0
"""How long the last lines of a run's log may take to the server."""


@dataclass(frozen=True)
class Moments:
    """Seconds after a run was submitted."""

    taken: float
    """A worker took it."""
    begun: float
    """Its process began the flow."""
    first_step: float
    """The first denoising step was done."""
    finished: float
    """It was Completed, its clip published."""

    def as_dict(self) -> Mapping[str, float]:
        """Return the moments by name, in milliseconds' precision."""
        return {name: round(seconds, 3) for name, seconds in vars(self).items()}


def moments_of(run: FlowRun, submitted: datetime) -> Moments:
    """Ask the server when what happened to a run that completed.

    Raises:
        RuntimeError: The run's log has no denoising step.
    """
    with get_client(sync_client=True) as client:
        states = client.read_flow_run_states(run.id)
        mine = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id]))
        until = time.monotonic() + _LOG_SECONDS
        while True:
            logs = client.read_logs(mine)
            if any(FIRST_STEP in log.message for log in logs):
                return moments(submitted, states, logs)
            if time.monotonic() > until:
                raise RuntimeError(f"the log of {run.name} has no line with {FIRST_STEP!r}")
            time.sleep(0.5)


def moments(submitted: datetime, states: Iterable[State], logs: Iterable[Log]) -> Moments:
    """Return the moments of a run from its states and its log, in any order."""
    first: dict[StateType, datetime] = {}
    for state in sorted(states, key=_when):
        first.setdefault(state.type, _when(state))
    stepped = min(_utc(log.timestamp) for log in logs if FIRST_STEP in log.message)
    known = (first[StateType.PENDING], first[StateType.RUNNING], stepped)
    return Moments(
        *((moment - submitted).total_seconds() for moment in (*known, first[StateType.COMPLETED]))
    )


def _when(state: State) -> datetime:
    if state.timestamp is None:
        raise RuntimeError(f"the server does not say when a run became {state.name}")
    return _utc(state.timestamp)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
