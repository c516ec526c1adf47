"""What the Prefect server knows of the requests that someone asks about.

However many clients poll, one loop reads their requests and one the queues that they wait in; both
rest for several times as long as they read. Clients are answered from what was seen last.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TypeVar
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from deployments.gateway.lines import Line, Lines
from deployments.gateway.lineup import Lineup
from deployments.gateway.runs import Run

_REST_SECONDS = 0.4
_REST_TIMES = 4
"""A round that took long is followed by a rest of as many times as long."""
_ASKED_SECONDS = 60.0
"""How long a request is watched after the last time that someone asked about it."""
_STALE_ROUNDS = 3
"""After as many missed rounds the server itself is asked."""
_PATIENCE_SECONDS = 2.0
"""How long a caller whose request is known waits for the server."""
_AWAY_SECONDS = 10.0
"""How long a server that did not answer is not asked for what is known."""
_PAGE = 200
_REMEMBERED = 2000
AWAY = (httpx.HTTPError, PrefectHTTPStatusError, OSError)
"""What a server that does not answer makes of a call."""

T = TypeVar("T")


class Board:
    """Requests as they were seen last, and who asks about them."""

    def __init__(self, prefect: PrefectClient) -> None:
        self._prefect = prefect
        self._runs: OrderedDict[UUID, Run] = OrderedDict()
        self._asked: dict[UUID, float] = {}
        self._looked: dict[UUID, float] = {}
        self._took = 0.0
        self._away = float("-inf")
        self._lineup = Lineup(prefect)
        self._lines = Lines(prefect)
        self._changed = asyncio.Condition()
        self._wanted = asyncio.Event()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[Board]:
        """Read the server while inside."""
        tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._watch_queues())]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task

    async def find(self, run: UUID) -> Run | None:
        """Return a request as it was seen last; None if there is none with that id."""
        known = self._runs.get(run)
        if known is not None and known.over:
            return known
        if known is None:
            return await self.look(run)
        self._want(run)
        if self._is_stale(run):
            return await self._soon(self.look(run), known)
        return known

    async def look(self, run: UUID) -> Run | None:
        """Return a request as the server has it at this moment."""
        try:
            seen = Run.seen(await self._prefect.read_flow_run(run))
        except ObjectNotFound:
            seen = None
        if seen is not None:
            self.note(seen)
            if not seen.over:
                self._want(run)
        return seen

    def begin(self, run: Run) -> None:
        """Keep a request as it was made, unless more is known of it by now."""
        if run.id not in self._runs:
            self.note(run)

    def note(self, run: Run) -> None:
        """Keep what was seen of a request."""
        self._runs[run.id] = run
        self._runs.move_to_end(run.id)
        self._looked[run.id] = time.monotonic()
        while len(self._runs) > _REMEMBERED and self._forget_one():
            pass

    async def position(self, run: Run) -> int:
        """Return how many requests are before one in its queue."""
        if not run.waits:
            return 0
        if not self._lineup.knows(run) and not self._is_away:
            await self._soon(self._lineup.read(run), None)
        return self._lineup.position(run)

    async def lines(self, run: Run) -> Sequence[Line]:
        """Return what is told of how a request goes on, oldest first."""
        if self._lines.want(run) and not self._is_away:
            await self._soon(self._lines.read(run), None)
        return self._lines.known(run)

    async def changes(self, run: UUID, *, every: float) -> AsyncIterator[Run | None]:
        """Yield a request whenever it was looked at again, until it is over.

        None is yielded if nothing happened for ``every`` seconds, or if it was deleted.
        """
        while True:
            known = await self.find(run)
            yield known
            if known is None or known.over:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(every), self._changed:
                    await self._changed.wait()

    def _is_stale(self, run: UUID) -> bool:
        if self._is_away:
            return False
        cycle = _REST_SECONDS + (1 + _REST_TIMES) * self._took
        return time.monotonic() - self._looked.get(run, 0) > _STALE_ROUNDS * cycle

    @property
    def _is_away(self) -> bool:
        """Whether the server did not answer a moment ago; what is known has to do then."""
        return time.monotonic() - self._away < _AWAY_SECONDS

    async def _soon(self, reading: Awaitable[T], instead: T) -> T:
        """Return what is read from the server, or something else if it does not answer soon."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await reading
        except (*AWAY, TimeoutError):
            self._away = time.monotonic()
            return instead

    def _want(self, run: UUID) -> None:
        self._asked[run] = time.monotonic()
        self._wanted.set()

    def _forget_one(self) -> bool:
        """Forget the request that nobody has asked about for longest; say whether there was one."""
        idle = next((run for run in self._runs if run not in self._asked), None)
        if idle is not None:
            self._drop(idle)
        return idle is not None

    def _drop(self, run: UUID) -> None:
        self._runs.pop(run, None)
        self._looked.pop(run, None)
        self._asked.pop(run, None)
        self._lines.forget(run)

    async def _watch(self) -> None:
        while True:
            await self._wanted.wait()
            began = time.monotonic()
            try:
                await self._round()
            except AWAY:  # what was seen last is good until the server is back
                await asyncio.sleep(1)
            async with self._changed:
                self._changed.notify_all()
            self._took = time.monotonic() - began
            await asyncio.sleep(max(_REST_SECONDS, _REST_TIMES * self._took))

    async def _watch_queues(self) -> None:
        """Read the queues that requests wait in, beside the rounds: a long one takes long."""
        while True:
            await self._wanted.wait()
            watched = (self._runs.get(run) for run in self._asked)
            try:
                await self._lineup.refresh({run.pool for run in watched if run and run.waits})
            except (*AWAY, ObjectNotFound):  # as above; or the pool was deleted
                await asyncio.sleep(1)
            await asyncio.sleep(_REST_SECONDS)

    async def _round(self) -> None:
        """Look at every request that someone asks about and that may have changed."""
        now = time.monotonic()
        for run, asked in list(self._asked.items()):
            known = self._runs.get(run)
            if known is None or known.over or now - asked > _ASKED_SECONDS:
                del self._asked[run]
        if not self._asked:
            self._wanted.clear()
            return
        watched = [self._runs[run] for run in self._asked]
        waiting = [run for run in watched if run.waits]
        going = [run for run in watched if not run.waits]
        await self._see([run.id for run in waiting], moved_only=True)
        await self._see([run.id for run in going], moved_only=False)
        await self._lines.refresh(self._runs[run.id] for run in going if run.id in self._runs)

    async def _see(self, runs: Sequence[UUID], *, moved_only: bool) -> None:
        """Read runs; of those that wait, only the ones that do so no more."""
        elsewhere = FlowRunFilterStateType(not_any_=[StateType.SCHEDULED])
        state = FlowRunFilterState(type=elsewhere) if moved_only else None
        for start in range(0, len(runs), _PAGE):
            some = list(runs[start : start + _PAGE])
            mine = FlowRunFilter(id=FlowRunFilterId(any_=some), state=state)
            read = await self._prefect.read_flow_runs(flow_run_filter=mine, limit=_PAGE)
            seen = {run.id: run for run in map(Run.seen, read) if run is not None}
            now = time.monotonic()
            self._looked.update(dict.fromkeys(some, now))
            for run in seen.values():
                self.note(run)
            for gone in () if moved_only else set(some) - set(seen):
                self._drop(gone)
