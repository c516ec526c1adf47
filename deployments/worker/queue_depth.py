"""How many runs wait at a pool's queues, and how many of it have crashed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
    WorkQueueFilter,
    WorkQueueFilterName,
)
from prefect.client.schemas.objects import StateType
from prefect.exceptions import PrefectException
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

_ANSWER_SECONDS = 5.0
_KEPT_SECONDS = 10.0
"""Several Prometheus servers may ask; the Prefect server is asked once."""


class PoolRuns(NamedTuple):
    """Runs of a pool."""

    waiting: Mapping[str, int]
    """By queue, those that are due."""
    crashed: int


class QueueDepth:
    """Counts the runs of a pool that are due and wait, and those that are Crashed.

    Args:
        pool: Its name.
    """

    def __init__(self, pool: str) -> None:
        self.pool = pool
        self._asked = float("-inf")
        self._counts: PoolRuns | None = None

    def read(self) -> PoolRuns | None:
        """Return the counts; None where the server does not answer."""
        if time.monotonic() - self._asked > _KEPT_SECONDS:
            bounds = {PREFECT_API_REQUEST_TIMEOUT: _ANSWER_SECONDS, PREFECT_CLIENT_MAX_RETRIES: 0}
            try:
                with temporary_settings(bounds), get_client(sync_client=True) as client:
                    self._counts = _counts(self.pool, client)
            except (httpx.HTTPError, PrefectException, OSError, RuntimeError):
                self._counts = None
            self._asked = time.monotonic()
        return self._counts


def _counts(pool: str, client: SyncPrefectClient) -> PoolRuns:
    due = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        expected_start_time=FlowRunFilterExpectedStartTime(before_=datetime.now(UTC)),
    )
    named = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool]))
    waiting = {
        queue.name: client.count_flow_runs(
            flow_run_filter=due,
            work_pool_filter=named,
            work_queue_filter=WorkQueueFilter(name=WorkQueueFilterName(any_=[queue.name])),
        )
        for queue in client.read_work_queues(work_pool_name=pool)
    }
    lost = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CRASHED]))
    )
    crashed = client.count_flow_runs(flow_run_filter=lost, work_pool_filter=named)
    return PoolRuns(waiting=waiting, crashed=crashed)
