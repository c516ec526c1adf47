"""How long the GPU stages of a key's requests took in the last day, as Prefect has it."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    TaskRunFilter,
    TaskRunFilterEndTime,
    TaskRunFilterName,
)
from prefect.client.schemas.objects import TaskRun
from prefect.client.schemas.sorting import TaskRunSort

_STAGES = ("encode_prompt", "first_pass", "second_pass", "decode")
_DAY = timedelta(days=1)
_LATE = timedelta(minutes=1)
"""How much later than it ended a stage may come to the server."""
_PAGE = 200


class _Took(NamedTuple):
    ended: datetime
    seconds: float


class GpuSeconds:
    """Sums of a day; what was read once is remembered, so that only what is new is asked for."""

    def __init__(self) -> None:
        self._took: dict[str, dict[UUID, _Took]] = defaultdict(dict)
        self._upto: dict[str, datetime] = {}

    async def of(self, key_id: str, runs: FlowRunFilter, prefect: PrefectClient) -> float:
        """Return the sum for a key, stages that were taken from the cache left out.

        Args:
            key_id: The key.
            runs: Which flow runs are its requests.
            prefect: The server.
        """
        now = datetime.now(UTC)
        since = max(self._upto.get(key_id, now - _DAY) - _LATE, now - _DAY)
        took = self._took[key_id]
        for stage in _STAGES:
            for task in await _ended(stage, since, runs, prefect):
                if task.end_time is not None:
                    took[task.id] = _Took(task.end_time, task.total_run_time.total_seconds())
        for id_ in [id_ for id_, one in took.items() if one.ended < now - _DAY]:
            del took[id_]
        self._upto[key_id] = now
        return sum(one.seconds for one in took.values())


async def _ended(
    stage: str, since: datetime, runs: FlowRunFilter, prefect: PrefectClient
) -> list[TaskRun]:
    wanted = TaskRunFilter(
        name=TaskRunFilterName(like_=f"{stage}-"), end_time=TaskRunFilterEndTime(after_=since)
    )
    found: list[TaskRun] = []
    while True:
        page = await prefect.read_task_runs(
            flow_run_filter=runs,
            task_run_filter=wanted,
            sort=TaskRunSort.END_TIME_DESC,
            limit=_PAGE,
            offset=len(found),
        )
        found += page
        if len(page) < _PAGE:
            return found
