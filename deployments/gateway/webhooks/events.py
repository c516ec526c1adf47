"""How a request goes on, as events for its sender."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from prefect.client.schemas.objects import TaskRun

from deployments.gateway.lines import stage_of
from deployments.gateway.runs import Run


@dataclass(frozen=True)
class Event:
    """One thing that happened."""

    id: str
    """The same whenever it is told."""
    at: datetime
    type: str
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def json(self) -> dict[str, Any]:
        """The form in which it is sent."""
        at = self.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return {"id": self.id, "type": self.type, "at": at, **self.about}


def events_of(tasks: Iterable[TaskRun]) -> list[Event]:
    """Return what happened to the stages of a run, the oldest first."""
    return sorted(
        (event for task in tasks for event in _of_stage(task)), key=lambda event: event.at
    )


def ready(run: Run, offer: Mapping[str, Any]) -> list[Event]:
    """Return that drafts wait for a choice, if they do.

    Args:
        run: The request.
        offer: What there is to choose from.
    """
    if run.paused_at is None:
        return []
    id_ = f"{run.id}.{run.paused_at.timestamp():.3f}.drafts"
    return [Event(id_, run.paused_at, "drafts.ready", {"choice": dict(offer)})]


def body_of(run: Run, events: Sequence[Event]) -> bytes:
    """Return the body that tells of events."""
    told = {
        "request_id": str(run.id),
        "gateway_request_id": str(run.id),
        "status": "IN_PROGRESS",
        "events": [event.json for event in events],
    }
    return json.dumps(told).encode()


def _of_stage(task: TaskRun) -> Iterable[Event]:
    stage = stage_of(task)
    if stage is None or task.state is None or task.start_time is None:
        return
    cached = task.state.name == "Cached"
    if not cached:
        yield Event(f"{task.id}.started", task.start_time, "stage.started", {"stage": stage})
    if task.state.is_final():
        took = 0.0 if cached else round(task.total_run_time.total_seconds(), 3)
        did = "completed" if task.state.is_completed() else task.state.type.value.lower()
        about = {"stage": stage, "state": "cached" if cached else did, "seconds": took}
        yield Event(f"{task.id}.ended", task.end_time or task.start_time, "stage.ended", about)
