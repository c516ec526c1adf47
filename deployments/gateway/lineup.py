"""Who is before whom in the queues of a work pool."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left, insort
from collections import defaultdict
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
_GOOD_TIMES = 3
"""A line that was not read for as many times as long as it is fresh is no ground for a guess."""
_QUEUES_SECONDS = 60.0
_LAST = 10**9
"""Priority of a queue that is not known."""

Turn = tuple[int, datetime]
"""What decides who is first: the queue's priority, then when the run came."""


@dataclass
class _Pool:
    turns: dict[UUID, Turn] = field(default_factory=dict)
    line: list[Turn] = field(default_factory=list)
    """All turns, the first one first."""
    places: dict[UUID, int] = field(default_factory=dict)
    priorities: dict[str, int] = field(default_factory=dict)
    read_at: float = float("-inf")
    took: float = 0.0
    queues_at: float = float("-inf")
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    def is_fresh(self, times: int = 1) -> bool:
        """Say whether it was read a moment ago, or a few; a long line is read less often."""
        fresh = max(_FRESH_SECONDS, _REST_TIMES * self.took)
        return time.monotonic() - self.read_at < times * fresh

    def turn(self, queue: str | None, due: datetime | None) -> Turn:
        """Return when a run has its turn."""
        return self.priorities.get(queue or "", _LAST), due or datetime.now(UTC)


class Lineup:
    """The lines of the pools that requests wait at, read now and then."""

    def __init__(self, prefect: PrefectClient) -> None:
        self._prefect = prefect
        self._pools: defaultdict[str, _Pool] = defaultdict(_Pool)

    def knows(self, run: Run) -> bool:
        """Say whether the position of a run can be told without a look at the server."""
        if run.pool is None:
            return True
        pool = self._pools[run.pool]
        return run.id in pool.places or pool.is_fresh(_GOOD_TIMES)

    async def read(self, run: Run) -> None:
        """Read the line that a run waits in; once, however many ask."""
        if run.pool is not None:
            pool = self._pools[run.pool]
            async with pool.reading:
                if not self.knows(run):
                    await self._read(run.pool, pool)

    def position(self, run: Run) -> int:
        """Return how many runs of its pool a worker takes before this one, by the last look."""
        if run.pool is None:
            return 0
        pool = self._pools[run.pool]
        if run.id in pool.places:
            return pool.places[run.id]
        if run.id not in pool.turns:  # those that come before the next look are behind it
            pool.turns[run.id] = pool.turn(run.queue, run.due)
            insort(pool.line, pool.turns[run.id])
        return bisect_left(pool.line, pool.turns[run.id])

    async def refresh(self, pools: Iterable[str | None]) -> None:
        """Read the lines of some pools, but for those that were read a moment ago."""
        for name in pools:
            if name is not None:
                pool = self._pools[name]
                async with pool.reading:
                    if not pool.is_fresh():
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
        in_line = sorted(pool.turns, key=pool.turns.__getitem__)
        pool.line = [pool.turns[run] for run in in_line]
        pool.places = {run: place for place, run in enumerate(in_line)}
        pool.read_at = time.monotonic()
        pool.took = pool.read_at - began


def _waiting() -> FlowRunFilter:
    """Choose what a worker would take now; what a schedule plans for later is not in line."""
    return FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        next_scheduled_start_time=FlowRunFilterNextScheduledStartTime(before_=datetime.now(UTC)),
    )
