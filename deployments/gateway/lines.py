"""How a request goes on, in lines: the stages that ended and the steps of a pass."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    LogFilter,
    LogFilterFlowRunId,
    LogFilterLevel,
    LogFilterTimestamp,
)
from prefect.client.schemas.objects import Log, TaskRun

from deployments.gateway.runs import Run

_PAGE = 200
_BEGINNING = datetime.fromtimestamp(0, UTC)
_INFO = 20
_STEP = re.compile(r"[a-z_]+: step \d+ of \d+")
_LATE = timedelta(seconds=10)
"""How much later than its own time a line may come to the server."""
_ASKED_SECONDS = 10.0
_REMEMBERED = 500
_WRAPPERS = frozenset({"finish"})
"""Tasks that are made of stages, which are told of themselves."""


@dataclass(frozen=True, order=True)
class Line:
    """One line."""

    at: datetime
    message: str

    @cached_property
    def json(self) -> Mapping[str, Any]:
        """The endpoint's form of it."""
        return {
            "timestamp": self.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "message": self.message,
            "level": "INFO",
            "source": "USER",
            "labels": {},
        }


@dataclass
class _Told:
    lines: set[Line] = field(default_factory=set)
    in_order: Sequence[Line] = ()
    upto: datetime = _BEGINNING
    asked: float = float("-inf")
    over_since: float | None = None


class Lines:
    """The lines of the requests whose lines someone asks for."""

    def __init__(self, prefect: PrefectClient) -> None:
        self._prefect = prefect
        self._told: OrderedDict[UUID, _Told] = OrderedDict()
        self._reading = asyncio.Lock()

    def want(self, run: Run) -> bool:
        """Note that someone asks for the lines of a request; say whether to read them first."""
        if run.phase == "IN_QUEUE":
            return False
        new = run.id not in self._told
        told = self._told.setdefault(run.id, _Told())
        told.asked = asyncio.get_running_loop().time()
        if run.over and told.over_since is None:
            told.over_since = told.asked
        self._told.move_to_end(run.id)
        while len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        late = told.over_since is not None and told.asked - told.over_since < _LATE.total_seconds()
        return new or late

    async def read(self, run: Run) -> None:
        """Read the lines of a request."""
        await self._read([run.id])

    def known(self, run: Run) -> Sequence[Line]:
        """Return the lines of a request that were read, oldest first; none as long as it waits."""
        if run.phase == "IN_QUEUE" or run.id not in self._told:
            return ()
        return self._told[run.id].in_order

    async def refresh(self, going: Iterable[Run]) -> None:
        """Read what is new of those requests whose lines were asked for a moment ago."""
        now = asyncio.get_running_loop().time()
        wanted = [
            run.id
            for run in going
            if run.id in self._told and now - self._told[run.id].asked < _ASKED_SECONDS
        ]
        if wanted:
            await self._read(wanted)

    def forget(self, run: UUID) -> None:
        """Forget a request's lines."""
        self._told.pop(run, None)

    async def _read(self, runs: Sequence[UUID]) -> None:
        async with self._reading:
            told = {run: self._told[run] for run in runs if run in self._told}
            if not told:
                return
            since = min(one.upto for one in told.values())
            for log in await self._logs(list(told), since):
                if log.flow_run_id in told and _STEP.fullmatch(log.message):
                    one = told[log.flow_run_id]
                    one.lines.add(Line(log.timestamp, log.message))
                    one.upto = max(one.upto, log.timestamp - _LATE)
            for task in await self._tasks(list(told)):
                if task.flow_run_id in told:
                    told[task.flow_run_id].lines.update(_of_task(task))
            for one in told.values():
                one.in_order = sorted(one.lines)

    async def _logs(self, runs: list[UUID], since: datetime) -> list[Log]:
        wanted = LogFilter(
            flow_run_id=LogFilterFlowRunId(any_=runs),
            level=LogFilterLevel(ge_=_INFO),
            timestamp=LogFilterTimestamp(after_=since),
        )
        logs: list[Log] = []
        while True:
            page = await self._prefect.read_logs(wanted, limit=_PAGE, offset=len(logs))
            logs += page
            if len(page) < _PAGE:
                return logs

    async def _tasks(self, runs: list[UUID]) -> list[TaskRun]:
        mine = FlowRunFilter(id=FlowRunFilterId(any_=runs))
        tasks: list[TaskRun] = []
        while True:
            page = await self._prefect.read_task_runs(
                flow_run_filter=mine, limit=_PAGE, offset=len(tasks)
            )
            tasks += page
            if len(page) < _PAGE:
                return tasks


def stage_of(task: TaskRun) -> str | None:
    """Return the stage that a task is; None for one that is made of stages."""
    name = task.name.rpartition("-")[0] or task.name
    return None if name in _WRAPPERS else name


def _of_task(task: TaskRun) -> Iterable[Line]:
    name = stage_of(task)
    if name is None or task.state is None or task.start_time is None:
        return
    if task.state.name == "Cached":
        yield Line(task.end_time or task.start_time, f"{name}: cached")
        return
    yield Line(task.start_time, f"{name}: started")
    if task.state.is_final() and task.end_time is not None:
        took = task.total_run_time.total_seconds()
        did = "done" if task.state.is_completed() else (task.state.name or "").lower()
        yield Line(task.end_time, f"{name}: {did} after {took:.1f} s")
