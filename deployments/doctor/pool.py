"""A work pool: whether runs that are given to it are taken, and by whom."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkerFilter,
    WorkerFilterStatus,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType, WorkPool, WorkQueue
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from deployments.doctor.check import Finding, Findings, State
from deployments.doctor.prefect_server import check_prefect
from deployments.worker.whereabouts import workers_here

_REMEDY = "look at the pool's page in the Prefect UI"
_LATE_SECONDS = 60


def examine_pool(name: str) -> Iterator[Finding]:
    """Yield every finding about a work pool as it comes.

    Args:
        name: The pool's.
    """
    server = check_prefect()
    yield from server
    if any(finding.state == "failed" for finding in server):
        return
    found = Findings()
    with found.of("pool", remedy=_REMEDY), get_client(sync_client=True) as client:
        try:
            pool = client.read_work_pool(name)
        except ObjectNotFound:
            known = ", ".join(pool.name for pool in client.read_work_pools()) or "none at all"
            said = f"the server has no work pool {name!r}; it has {known}"
            found.append(Finding("pool", "failed", said, "run `ltx deploy`, or name another"))
        else:
            found.append(_pool(pool))
            found.append(_deployments(pool, client))
            found.extend(_queues(pool, client))
            found.append(_workers(pool, client))
            found.append(_waiting(pool, client))
    yield from found
    yield from _engines(name)


def _pool(pool: WorkPool) -> Finding:
    if pool.is_paused:
        said = f"{pool.name} is paused, so no run is handed out"
        return Finding("pool", "failed", said, f"run `prefect work-pool resume {pool.name}`")
    full = _full(pool)
    if full:
        remedy = f"wait, or run `prefect work-pool set-concurrency-limit {pool.name} NUMBER`"
        return Finding("pool", full[0], f"{pool.name} {full[1]}", remedy)
    return Finding("pool", "ok", f"{pool.name} hands runs out, to workers of type {pool.type}")


def _full(there: WorkPool | WorkQueue) -> tuple[Literal["warning", "failed"], str] | None:
    """Say how a pool or a queue is held up by its limit; None if it is not."""
    limit, taken = there.concurrency_limit, there.active_slots or 0
    if limit == 0:
        return "failed", "has a concurrency limit of 0, so no run is handed out"
    if limit is not None and taken >= limit:
        return "warning", f"has {taken} runs at work, which is its concurrency limit"
    return None


def _deployments(pool: WorkPool, client: SyncPrefectClient) -> Finding:
    found = client.read_deployments(work_pool_filter=_named(pool))
    paused = sorted(one.name for one in found if one.paused)
    if not found:
        said = f"no deployment gives runs to {pool.name}"
        return Finding("pool deployments", "warning", said, "run `ltx deploy`")
    if paused:
        remedy = "resume them in the UI, at the deployment's page"
        return Finding("pool deployments", "warning", f"paused: {', '.join(paused)}", remedy)
    return Finding("pool deployments", "ok", f"{len(found)} give runs to {pool.name}")


def _queues(pool: WorkPool, client: SyncPrefectClient) -> Iterator[Finding]:
    queues = client.read_work_queues(work_pool_name=pool.name)
    sound = []
    for queue in queues:
        named = f"{pool.name}/{queue.name}"
        full = _full(queue)
        if queue.is_paused:
            said = f"{named} is paused; its runs wait"
            remedy = f"run `prefect work-queue resume {queue.name} --pool {pool.name}`"
            yield Finding("pool queue", "failed", said, remedy)
        elif full is not None:
            remedy = (
                f"wait, or run `prefect work-queue set-concurrency-limit {queue.name} NUMBER "
                f"--pool {pool.name}`"
            )
            yield Finding("pool queue", full[0], f"{named} {full[1]}", remedy)
        else:
            sound.append(queue)
    if sound:
        in_order = sorted(sound, key=lambda queue: queue.priority)
        shown = ", ".join(f"{queue.name} ({queue.priority})" for queue in in_order)
        yield Finding("pool queue", "ok", f"handed out, by priority: {shown}")


def _workers(pool: WorkPool, client: SyncPrefectClient) -> Finding:
    online = WorkerFilter(status=WorkerFilterStatus(any_=["ONLINE"]))
    workers = client.read_workers_for_work_pool(pool.name, worker_filter=online)
    if not workers:
        said = f"no worker of {pool.name} is online"
        remedy = f"run `ltx worker --pool {pool.name}` on a machine with GPUs"
        return Finding("pool workers", "failed", said, remedy)
    names = sorted(worker.name for worker in workers)
    return Finding("pool workers", "ok", f"{len(names)} online: {', '.join(names)}")


def _waiting(pool: WorkPool, client: SyncPrefectClient) -> Finding:
    """Find runs that should have begun; the server calls them late."""
    late = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        expected_start_time=FlowRunFilterExpectedStartTime(before_=datetime.now(UTC)),
    )
    count = client.count_flow_runs(flow_run_filter=late, work_pool_filter=_named(pool))
    oldest = client.read_flow_runs(
        flow_run_filter=late,
        work_pool_filter=_named(pool),
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
        limit=1,
    )
    if not oldest:
        return Finding("pool runs", "ok", "no run waits for a worker")
    due = oldest[0].expected_start_time or datetime.now(UTC)
    waits = (datetime.now(UTC) - due).total_seconds()
    said = f"{count} wait for a worker, the first of them for {_duration(waits)}"
    if waits < _LATE_SECONDS:
        return Finding("pool runs", "ok", said)
    remedy = "mend what is above first; if nothing is, start more workers"
    return Finding("pool runs", "warning", said, remedy)


def _engines(pool: str) -> Iterator[Finding]:
    """Ask the workers of this machine about their engines; nobody else knows."""
    for worker in workers_here(pool):
        for pair in worker.pairs:
            where = f"{pair.name} of worker {worker.pid}"
            said = f"{where} is {pair.engine}, {pair.restarts} restarts so far"
            if pair.engine == "ready":
                yield Finding("pool engine", "ok", said)
            else:
                remedy = "wait while it loads; if it does not come up, see what the worker writes"
                state: State = "failed" if pair.engine == "down" else "warning"
                yield Finding("pool engine", state, said, remedy)


def _named(pool: WorkPool) -> WorkPoolFilter:
    return WorkPoolFilter(name=WorkPoolFilterName(any_=[pool.name]))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
