"""Many queued requests: whether all are there, and at the places that Prefect gives them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import LogCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.states import Running

from benchmarks.pollers import Side, statuses
from deployments.gateway.runs import owner_tag

_PAGE = 200


@dataclass(frozen=True)
class Line:
    """Requests that wait."""

    side: Side
    """The gateway."""
    ids: Sequence[str]
    pool: str
    """Where they wait."""
    key: str
    """What they were asked for with."""
    seconds: float
    """By then the gateway has read the line again."""


@dataclass(frozen=True)
class Queued:
    """What the gateway says of a long queue."""

    sent: int
    """Requests whose submit was answered."""
    at_prefect: int
    """Their flow runs."""
    places: int
    """How many of them have a place of their own, from 0 on without a gap."""
    as_handed_out: int
    """How many of the first have the place at which Prefect hands them to a worker."""
    first: int
    """How many Prefect hands out at once."""
    moved_up: int
    """How many moved up by as many places as requests were begun."""
    waiting: int
    """How many waited then."""


async def begin(ids: Sequence[str], *, lines: int) -> None:
    """Do as workers do that have begun some requests and log their steps."""
    async with get_client() as client:
        for one in ids:
            await client.set_flow_run_state(UUID(one), Running(), force=True)
            said = [f"first_pass: step {number + 1} of {lines}" for number in range(lines)]
            if said:
                await client.create_logs([_log(one, line) for line in said])


async def look_at(line: Line, *, begun: int) -> tuple[Queued, list[str]]:
    """Compare what the gateway says of a queue with what Prefect does; return what was begun, too.

    Args:
        line: All requests that wait.
        begun: How many of them are begun, to see the others move up.
    """
    ids = line.ids
    at_prefect = await _at_prefect(line.key)
    before = await _places(line)
    first = await _handed_out(line.pool)
    running = first[:begun]
    await begin(running, lines=0)
    after = await _places(line)
    found = Queued(
        sent=len(ids),
        at_prefect=len(at_prefect & set(ids)),
        places=len(set(before.values()) & set(range(len(ids)))),
        as_handed_out=sum(before.get(one) == place for place, one in enumerate(first)),
        first=len(first),
        moved_up=sum(before[one] - begun == place for one, place in after.items()),
        waiting=len(ids) - begun,
    )
    return found, running


async def _places(line: Line) -> dict[str, int]:
    await statuses(line.side, line.ids)  # from now on the gateway watches them
    await asyncio.sleep(line.seconds)
    told = await statuses(line.side, line.ids)
    return {
        one: status["queue_position"]
        for one, status in told.items()
        if status["status"] == "IN_QUEUE"
    }


async def _at_prefect(key: str) -> set[str]:
    mine = FlowRunFilter(tags=FlowRunFilterTags(all_=[owner_tag(key.partition(":")[0])]))
    found: set[str] = set()
    async with get_client() as client:
        while True:
            page = await client.read_flow_runs(flow_run_filter=mine, limit=_PAGE, offset=len(found))
            found |= {str(run.id) for run in page}
            if len(page) < _PAGE:
                return found


async def _handed_out(pool: str) -> list[str]:
    """Return what a worker would take, in its order."""
    async with get_client() as client:
        answers = await client.get_scheduled_flow_runs_for_work_pool(
            pool, scheduled_before=datetime.now(UTC)
        )
    return [str(answer.flow_run.id) for answer in answers]


def _log(one: str, message: str) -> LogCreate:
    return LogCreate(
        name="prefect.task_runs",
        level=20,
        message=message,
        timestamp=datetime.now(UTC),
        flow_run_id=UUID(one),
    )
