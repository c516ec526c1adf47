"""When a run began."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect.context import FlowRunContext


def start_of_this_run() -> datetime:
    """Return the moment at which this flow run first began; a retry or a resume changes nothing."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None:
        return datetime.now(UTC)
    return run.start_time or run.created or datetime.now(UTC)
