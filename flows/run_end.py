"""How a flow run that goes on elsewhere comes to its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prefect.client.schemas.objects import FlowRun

from ltxv.errors import LTXError

RESTARTED = "restart-if-crashed"
"""Tag of the runs that an automation of `ltx deploy` starts again when they crash."""

_RESTARTED_WITHIN = timedelta(minutes=2)
_SAID_FIRST = "Flow run encountered an exception: "


class RunFailed(LTXError):
    """A flow run on a worker ended without a result."""


def is_over(run: FlowRun) -> bool:
    """Say whether a run ended for good: one that crashed may be started again for two minutes."""
    state = run.state
    if state is None or not state.is_final():
        return False
    if not state.is_crashed() or RESTARTED not in run.tags:
        return True
    return datetime.now(UTC) - state.timestamp >= _RESTARTED_WITHIN


def reason_of(run: FlowRun) -> str:
    """Return why a run ended without a result."""
    state = run.state
    said = (state.message if state else None) or "without a reason"
    if state is not None and state.is_failed():
        return said.removeprefix(_SAID_FIRST).removeprefix("Refused: ")
    name = "" if state is None else (state.name or "").lower()
    remedy = f"; `ltx resume {str(run.id)[:8]}` goes on with it" if name == "crashed" else ""
    return f"run {run.id}: it is {name}: {said}{remedy}"
