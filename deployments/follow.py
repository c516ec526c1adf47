"""A flow run that goes on elsewhere, watched until it ends."""

from __future__ import annotations

import time
from typing import Any, Protocol, cast
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterType,
    FlowRunFilter,
    FlowRunFilterId,
    WorkerFilter,
    WorkerFilterStatus,
)
from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.client.schemas.sorting import TaskRunSort
from prefect.exceptions import ObjectNotFound

from flows.run_end import RunFailed, is_over, reason_of
from ltxv.errors import Misconfigured

_POLL_SECONDS = 1
_LOOK_FOR_WORKERS_SECONDS = 15
_AWAY_SECONDS = 600


class Listener(Protocol):
    """Someone who wants to hear how a run goes on, such as a terminal."""

    def say(self, line: str) -> None:
        """Hear something about the run as a whole."""

    def task_ended(self, name: str, state: str, seconds: float) -> None:
        """Hear that a task of the run ended."""

    def task_at(self, name: str, percent: float) -> None:
        """Hear how far a task is."""


def follow(run: UUID, listener: Listener) -> FlowRun:
    """Wait until a run completes, and tell how it goes on.

    A run that crashed is waited for a while: an automation may start it again.

    Args:
        run: Its id.
        listener: Who is told.

    Raises:
        RunFailed: It failed, crashed for good, was cancelled or deleted.
        Misconfigured: The server does not answer any more.
    """
    watch = _Watch(run, listener)
    last = time.monotonic()
    away = False
    with get_client(sync_client=True) as client:
        while True:
            try:
                ended = watch.look(client)
            except ObjectNotFound as error:
                raise RunFailed(f"run {run}: it was deleted") from error
            except httpx.TransportError as error:
                if time.monotonic() - last > _AWAY_SECONDS:
                    raise Misconfigured(
                        f"the Prefect server does not answer any more ({error}); the run {run} "
                        "may be going on"
                    ) from error
                if not away:
                    listener.say("The Prefect server does not answer; trying again …")
                away = True
            else:
                last, away = time.monotonic(), False
                if ended is not None:
                    return ended
            time.sleep(_POLL_SECONDS)


class _Watch:
    """What was told of a run so far."""

    def __init__(self, run: UUID, listener: Listener) -> None:
        self._run = run
        self._tell = listener
        self._state = ""
        self._ended: set[UUID] = set()
        self._percents: dict[str, float] = {}
        self._looked_for_workers = 0.0
        self._told_of_workers = False

    def look(self, client: SyncPrefectClient) -> FlowRun | None:
        """Tell what is new; return the run if it completed."""
        run = client.read_flow_run(self._run)
        if run.state is None:
            return None
        self._tell_tasks(client)
        if run.state.is_completed():
            return run
        if is_over(run):
            raise RunFailed(reason_of(run))
        if run.state.is_crashed():
            said = run.state.message or "its process is gone"
            self._tell_state("Crashed", f"Crashed: {said}; it may be started again …")
            return None
        self._tell_state(run.state.name or "")
        if run.state.is_scheduled():
            self._tell_missing_worker(run, client)
        return None

    def _tell_state(self, name: str, line: str | None = None) -> None:
        if name != self._state:
            self._tell.say(line or f"{name} …")
        self._state = name

    def _tell_tasks(self, client: SyncPrefectClient) -> None:
        mine = FlowRunFilter(id=FlowRunFilterId(any_=[self._run]))
        progress = ArtifactFilter(type=ArtifactFilterType(any_=["progress"]))
        for artifact in client.read_artifacts(artifact_filter=progress, flow_run_filter=mine):
            name, percent = (
                (artifact.key or "").replace("-", "_"),
                float(cast("Any", artifact.data)),
            )
            if self._percents.get(name) != percent:
                self._percents[name] = percent
                self._tell.task_at(name, percent)
        tasks = client.read_task_runs(flow_run_filter=mine, sort=TaskRunSort.END_TIME_DESC)
        for task in reversed(tasks):
            if task.id in self._ended or task.state is None or not task.state.is_final():
                continue
            self._ended.add(task.id)
            self._tell.task_ended(_name(task), _did(task), task.total_run_time.total_seconds())

    def _tell_missing_worker(self, run: FlowRun, client: SyncPrefectClient) -> None:
        now = time.monotonic()
        recently = now - self._looked_for_workers < _LOOK_FOR_WORKERS_SECONDS
        pool = run.work_pool_name
        if pool is None or recently or self._told_of_workers:
            return
        self._looked_for_workers = now
        online = WorkerFilter(status=WorkerFilterStatus(any_=["ONLINE"]))
        if client.read_work_pool(pool).is_paused:
            said = f"The work pool {pool} is paused; the run waits until it is resumed."
        elif not client.read_workers_for_work_pool(pool, worker_filter=online):
            said = (
                f"No worker of the work pool {pool} is online; the run waits for one "
                f"(ltx worker --pool {pool})."
            )
        else:
            return
        self._told_of_workers = True
        self._tell.say(said)


def _name(task: TaskRun) -> str:
    return task.name.rpartition("-")[0] or task.name


def _did(task: TaskRun) -> str:
    name = task.state.name if task.state else None
    return {"Completed": "ran", "Cached": "cached"}.get(name or "", (name or "").lower())
