"""Requests that are given up if no worker begins them in time."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import StateType

from deployments.gateway.board import AWAY, Board
from deployments.gateway.runs import TIMED, Run, give_up

_PAGE = 200
_AGAIN_SECONDS = 2.0


class Deadlines:
    """Start timeouts; those of a gateway that was stopped are taken over from Prefect."""

    def __init__(self, prefect: PrefectClient, board: Board) -> None:
        self._prefect = prefect
        self._board = board
        self._tasks: set[asyncio.Task[None]] = set()

    async def take_over(self) -> None:
        """Take over the deadlines of runs that still wait."""
        waiting = FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
            tags=FlowRunFilterTags(all_=[TIMED]),
        )
        offset = 0
        while True:
            page = await self._prefect.read_flow_runs(
                flow_run_filter=waiting, limit=_PAGE, offset=offset
            )
            for run in map(Run.seen, page):
                if run is not None:
                    self.watch(run)
            offset += len(page)
            if len(page) < _PAGE:
                return

    def watch(self, run: Run) -> None:
        """Give a run up at its deadline, if it has one and still waits then."""
        if run.start_by is None:
            return
        task = asyncio.create_task(self._give_up(run.id, run.start_by))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _give_up(self, run: UUID, by: float) -> None:
        await asyncio.sleep(max(0.0, by - time.time()))
        while True:
            with suppress(*AWAY):
                seen = await self._board.look(run)
                if seen is not None and seen.waits and seen.began is None:
                    await give_up(run, self._prefect)
                    await self._board.look(run)
                return
            await asyncio.sleep(_AGAIN_SECONDS)
