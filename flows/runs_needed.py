"""Runs whose notes somebody may still come for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    TaskRunFilter,
    TaskRunFilterId,
)
from prefect.client.schemas.objects import FlowRun, StateType

_AT_ONCE = 200
"""Runs that Prefect's API returns at a time."""
_ENDED = [StateType.COMPLETED, StateType.CANCELLED]
"""Runs in any other state go on, or can be gone on with."""


def runs_needed(runs: Sequence[str]) -> set[str]:
    """Return those runs that go on or can be gone on with, or whose batch does or can.

    A run that the server does not know, or no longer, is none of them.

    Args:
        runs: Their ids.
    """
    ids = [UUID(run) for run in runs]
    with get_client(sync_client=True) as client:
        found = [run for some in _portions(ids) for run in _read(some, client)]
        tasks = {run.parent_task_run_id for run in found if run.parent_task_run_id is not None}
        batch_of = dict(_batches([*tasks], client))
        batches = [run for some in _portions([*batch_of.values()]) for run in _read(some, client)]
    in_use = {run.id for run in batches if run.state_type not in _ENDED}
    return {
        str(run.id)
        for run in found
        if run.state_type not in _ENDED
        or (run.parent_task_run_id and batch_of.get(run.parent_task_run_id) in in_use)
    }


def _read(runs: Sequence[UUID], client: SyncPrefectClient) -> list[FlowRun]:
    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[*runs])), limit=_AT_ONCE
    )


def _batches(tasks: Sequence[UUID], client: SyncPrefectClient) -> Iterator[tuple[UUID, UUID]]:
    """Yield the tasks that stand for runs in their batches, each with its batch's run."""
    for some in _portions(tasks):
        for task in client.read_task_runs(
            task_run_filter=TaskRunFilter(id=TaskRunFilterId(any_=[*some])), limit=_AT_ONCE
        ):
            if task.flow_run_id is not None:
                yield task.id, task.flow_run_id


def _portions(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]
