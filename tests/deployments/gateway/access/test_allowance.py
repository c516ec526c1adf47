"""Limits of keys, counted by a real Prefect server."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectHTTPStatusError
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Running, Scheduled
from pytest_httpserver import HTTPServer

from deployments.gateway.access.allowance import Allowance
from deployments.gateway.access.caller import NOBODY, Caller
from deployments.gateway.access.key_record import KeyLimits
from deployments.gateway.access.key_ring import KeyRing
from deployments.gateway.failures import Failure
from deployments.gateway.runs import owner_tag


@flow
def asked_for() -> None:
    """Stand for a request."""


@task
def take_a_while() -> None:
    """Stand for a stage."""
    time.sleep(0.4)


@flow
def made_by(stage: str) -> None:
    """Stand for a request that is made."""
    take_a_while.with_options(name=stage)()


def make(key_id: str, stage: str) -> None:
    """Run a stage of a request, and wait until the server has written down how long it took."""
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(made_by, parameters={"stage": stage}, tags=[owner_tag(key_id)])
        run_flow(made_by, flow_run=run)
        mine = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
        until = time.monotonic() + 10
        while time.monotonic() < until:
            tasks = client.read_task_runs(flow_run_filter=mine)
            if tasks and tasks[0].end_time:
                return
            time.sleep(0.1)


async def ask(key_id: str, state: Any = None) -> FlowRun:
    async with get_client() as client:
        return await client.create_flow_run(
            asked_for, tags=[owner_tag(key_id)], state=state or Scheduled()
        )


def caller(ring: KeyRing, **limits: Any) -> Caller:
    made = ring.create("alice", scope="user", limits=KeyLimits(**limits))
    return Caller(made.record.id, "user")


async def enter(allowance: Allowance, asks: Caller) -> str:
    """Ask for one more; the answer is the reason why not."""
    try:
        async with allowance.admitted(asks):
            await ask(asks.key_id)
    except Failure as failure:
        return f"{failure.status} {failure.error_type}"
    return ""


def test_requests_at_a_time_are_limited(ring: KeyRing, prefect_server: None) -> None:
    """Those that wait or run count, those that ended and those of other keys do not."""
    asks = caller(ring, concurrent=2)

    async def story() -> list[str]:
        await ask(asks.key_id, Completed())
        await ask("another")
        await ask(asks.key_id, Running())
        return [await enter(Allowance(ring), asks) for _ in range(2)]

    assert asyncio.run(story()) == ["", "429 concurrent_requests_limit"]


def test_requests_that_arrive_together_are_counted_one_by_one(
    ring: KeyRing, prefect_server: None
) -> None:
    """Of five at once, as many come in as may."""
    asks = caller(ring, per_minute=2)

    async def story() -> list[str]:
        allowance = Allowance(ring)
        return list(await asyncio.gather(*(enter(allowance, asks) for _ in range(5))))

    assert sorted(asyncio.run(story())) == ["", "", *["429 rate_limit"] * 3]


def test_gpu_seconds_of_a_day_are_limited(ring: KeyRing, prefect_server: None) -> None:
    """The time of its GPU stages counts, whichever gateway it was asked from."""
    asks = caller(ring, gpu_seconds_per_day=0.3)
    make(asks.key_id, "compress_media")
    assert asyncio.run(enter(Allowance(ring), asks)) == ""
    make(asks.key_id, "first_pass")
    assert asyncio.run(enter(Allowance(ring), asks)) == "429 gpu_seconds_limit"


def test_a_key_without_limits_asks_prefect_nothing(ring: KeyRing, httpserver: HTTPServer) -> None:
    """Nor does a caller of a gateway without keys; one with a limit asks."""

    async def admit(asks: Caller) -> None:
        async with Allowance(ring).admitted(asks):
            pass

    with temporary_settings({PREFECT_API_URL: httpserver.url_for("/api")}):
        for asks in (caller(ring), NOBODY):
            asyncio.run(admit(asks))
        assert httpserver.log == []
        with pytest.raises(PrefectHTTPStatusError):
            asyncio.run(admit(caller(ring, concurrent=1)))
    assert httpserver.log


def test_a_key_revoked_meanwhile_is_turned_away(ring: KeyRing) -> None:
    """The last look is right before the request becomes a run."""
    asks = caller(ring)
    ring.revoke(asks.key_id)

    async def story() -> None:
        async with Allowance(ring).admitted(asks):
            pass

    with pytest.raises(Failure, match="revoked"):
        asyncio.run(story())
