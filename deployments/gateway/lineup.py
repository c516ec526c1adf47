"""Who is before whom in the queues of a work pool."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort

from deployments.gateway.runs import Run

_PAGE = 200
_MOST = 10_000
_FRESH_SECONDS = 1.0
_REST_TIMES = 10
_QUEUES_SECONDS = 60.0
_LAST = 10**9
"""Priority of a queue that is not known."""

Turn = tuple[int, datetime]
"""What decides who is first: the queue's priority, then when the run came."""


@dataclass
class _Pool:
    turns: dict[UUID, Turn] = field(default_factory=dict)
    places: dict[UUID, int] = field(default_factory=dict)
    priorities: dict[str, int] = field(default_factory=dict)
    read_at: float = float("-inf")
    took: float = 0.0
    queues_at: float = float("-inf")

    @property
    def fresh(self) -> bool:
        """Whether it was read a moment ago; a long line is read less often."""
        return time.monotonic() - self.read_at < max(_FRESH_SECONDS, _REST_TIMES * self.took)

    def turn(self, queue: str | None, due: datetime | None) -> Turn:
        """Return when a run has its turn."""
        return self.priorities.get(queue or "", _LAST), due or datetime.now(UTC)


class Lineup:
    """The lines of the pools that requests wait at, read now and then."""

    def __init__(self, prefect: PrefectClient) -> None:
        self._prefect = prefect
        self._pools: dict[str, _Pool] = {}

    async def position(self, run: Run) -> int:
        """Return how many runs of its pool a worker takes before this one."""
        if run.pool is None:
            return 0
        pool = self._pools.setdefault(run.pool, _Pool())
        if run.id not in pool.places and not pool.fresh:
            await self._read(run.pool, pool)
        return self.guess(run)

    def guess(self, run: Run) -> int:
        """Return the same by what was read last."""
        pool = self._pools.setdefault(run.pool or "", _Pool())
        if run.id in pool.places:
            return pool.places[run.id]
        mine = pool.turn(run.queue, run.due)
        pool.turns[run.id] = mine  # those that come before the next look are behind it
        return sum(turn < mine for turn in pool.turns.values())

    async def refresh(self, pools: Iterable[str | None]) -> None:
        """Read the lines of some pools, but for those that were read a moment ago."""
        for name in pools:
            if name is not None:
                pool = self._pools.setdefault(name, _Pool())
                if not pool.fresh:
                    await self._read(name, pool)

    async def _read(self, name: str, pool: _Pool) -> None:
        began = time.monotonic()
        if began - pool.queues_at > _QUEUES_SECONDS:
            queues = await self._prefect.read_work_queues(work_pool_name=name)
            pool.priorities = {queue.name: queue.priority or _LAST for queue in queues}
            pool.queues_at = began
        waiting: list[FlowRun] = []
        while len(waiting) < _MOST:
            page = await self._prefect.read_flow_runs(
                flow_run_filter=_waiting(),
                work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[name])),
                sort=FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC,
                limit=_PAGE,
                offset=len(waiting),
            )
            waiting += page
            if len(page) < _PAGE:
                break
        pool.turns = {
            run.id: pool.turn(run.work_queue_name, run.next_scheduled_start_time) for run in waiting
        }
        inline = sorted(pool.turns, key=pool.turns.__getitem__)
        pool.places = {run: place for place, run in enumerate(inline)}
        pool.read_at = time.monotonic()
        pool.took = pool.read_at - began


def _waiting() -> FlowRunFilter:
    """Choose what a worker would take now; what a schedule plans for later is not in line."""
    return FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        next_scheduled_start_time=FlowRunFilterNextScheduledStartTime(before_=datetime.now(UTC)),
    )
