"""How much of what its key allows a caller has used, as Prefect knows it.

A gateway that starts anew, and each of several, comes to the same numbers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from weakref import WeakValueDictionary

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterParentTaskRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import StateType

from deployments.gateway.access.caller import NOBODY, Caller
from deployments.gateway.access.denied import too_much, unauthorized
from deployments.gateway.access.gpu_seconds import GpuSeconds
from deployments.gateway.access.key_record import KeyLimits
from deployments.gateway.access.key_ring import KeyRing
from deployments.gateway.runs import owner_tag

_OPEN = (StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
"""States of requests that have not ended; one that waits for a choice holds nothing."""
_MINUTE = timedelta(minutes=1)
_AGAIN_SECONDS = 10
_ASK_TOMORROW_SECONDS = 3600


class Allowance:
    """Hold callers to the limits of their keys.

    Args:
        keys: Where the limits are.
    """

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._gpu_seconds = GpuSeconds()

    @asynccontextmanager
    async def admitted(self, caller: Caller) -> AsyncIterator[None]:
        """Give way to a new request, to be created as a flow run inside.

        One request of a key comes in at a time, so that two that arrive together cannot both be
        the last that is allowed.

        Raises:
            Failure: The key allows no more for now.
        """
        record = None if caller == NOBODY else await self._keys.in_force(caller.key_id)
        if record is None and caller != NOBODY:
            raise unauthorized("the API key was revoked; ask the operator for another one")
        if record is None or record.limits.requests_are_free:
            yield
            return
        lock = self._locks.setdefault(record.id, asyncio.Lock())
        async with lock:
            async with get_client() as client:
                await self._check(record.id, record.limits, client)
            yield

    async def _check(self, id_: str, limits: KeyLimits, client: PrefectClient) -> None:
        if limits.concurrent is not None:
            await _check_concurrent(id_, limits.concurrent, client)
        if limits.per_minute is not None:
            await _check_rate(id_, limits.per_minute, client)
        if limits.gpu_seconds_per_day is not None:
            used = await self._gpu_seconds.of(id_, _runs_of(id_), client)
            if used >= limits.gpu_seconds_per_day:
                raise too_much(
                    f"the requests of this key took {used:.0f} GPU seconds in the last 24 hours, "
                    f"and it has {limits.gpu_seconds_per_day:.0f}; wait, or ask the operator for "
                    "more",
                    error_type="gpu_seconds_limit",
                    again_in=_ASK_TOMORROW_SECONDS,
                )


async def _check_concurrent(id_: str, limit: int, client: PrefectClient) -> None:
    going_on = await client.count_flow_runs(
        flow_run_filter=_runs_of(id_).model_copy(
            update={"state": FlowRunFilterState(type=FlowRunFilterStateType(any_=list(_OPEN)))}
        )
    )
    if going_on >= limit:
        raise too_much(
            f"{going_on} requests of this key wait or run, and it may have {limit} at a time; "
            "wait for one to end, or ask the operator for more",
            error_type="concurrent_requests_limit",
            again_in=_AGAIN_SECONDS,
        )


async def _check_rate(id_: str, limit: int, client: PrefectClient) -> None:
    lately = FlowRunFilterExpectedStartTime(after_=datetime.now(UTC) - _MINUTE)
    begun = await client.count_flow_runs(
        flow_run_filter=_runs_of(id_).model_copy(update={"expected_start_time": lately})
    )
    if begun >= limit:
        raise too_much(
            f"this key sent {begun} requests in the last minute, and it may send {limit}; "
            "send fewer, or ask the operator for more",
            error_type="rate_limit",
            again_in=_AGAIN_SECONDS,
        )


def _runs_of(id_: str) -> FlowRunFilter:
    return FlowRunFilter(
        tags=FlowRunFilterTags(all_=[owner_tag(id_)]),
        parent_task_run_id=FlowRunFilterParentTaskRunId(is_null_=True),
    )
