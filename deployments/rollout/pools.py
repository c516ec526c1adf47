"""Work pools and their queues."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import WorkPool, WorkQueue
from prefect.exceptions import ObjectNotFound

from deployments.rollout.change import Change, differing
from deployments.rollout.declared import MARK, Pool, Queue
from ltxv.errors import Misconfigured

_MADE_HERE = f"[{MARK}]"
_DEFAULT = "default"
_MOST = 200


def pool_changes(declared: Mapping[str, Pool], client: SyncPrefectClient) -> Iterator[Change]:
    """Say how the declared pools and their queues differ from the server's.

    Raises:
        Misconfigured: The server has a pool of that name and of another type.
    """
    for name, pool in declared.items():
        there = _pool(name, client)
        if there is None:
            yield Change("+", "work pool", name, partial(_create, name, pool, client))
        else:
            if there.type != pool.type:
                raise Misconfigured(
                    f"the server has a work pool {name!r} of type {there.type}, not {pool.type}; "
                    f"delete it with `prefect work-pool delete {name}`, or change pools.yaml"
                )
            fields = differing(_shape_there(there), _shape(pool))
            if fields:
                change = partial(_update, name, pool, client)
                yield Change("~", "work pool", name, change, fields)
        yield from _queue_changes(name, pool, client, known=there is not None)


def dropped_pools(declared: Mapping[str, Pool], client: SyncPrefectClient) -> Iterator[Change]:
    """Say which pools and queues were made from the files and are no longer in them."""
    for pool in client.read_work_pools(limit=_MOST):
        if pool.name not in declared:
            if _made_here(pool.description):
                yield Change("-", "work pool", pool.name, partial(_delete_pool, pool.name, client))
            continue
        for queue in client.read_work_queues(work_pool_name=pool.name):
            kept = {*declared[pool.name].queues, _DEFAULT}
            if queue.name not in kept and _made_here(queue.description):
                delete = partial(client.delete_work_queue_by_id, queue.id)
                yield Change("-", "work queue", f"{pool.name}/{queue.name}", delete)


def _pool(name: str, client: SyncPrefectClient) -> WorkPool | None:
    try:
        return client.read_work_pool(name)
    except ObjectNotFound:
        return None


def _create(name: str, pool: Pool, client: SyncPrefectClient) -> None:
    client.create_work_pool(
        WorkPoolCreate(
            name=name,
            type=pool.type,
            description=_marked(pool.description),
            base_job_template=_job_template(pool.type),
            concurrency_limit=pool.concurrency_limit,
        )
    )


def _job_template(kind: str) -> dict[str, Any]:
    """Return what the pool's workers offer; those of other types fill it in when they start."""
    if kind != "process":
        return {}
    from prefect.workers.process import ProcessWorker  # noqa: PLC0415 - heavy, seldom needed

    template: dict[str, Any] = ProcessWorker.get_default_base_job_template()
    return template


def _update(name: str, pool: Pool, client: SyncPrefectClient) -> None:
    client.update_work_pool(
        name,
        WorkPoolUpdate(
            description=_marked(pool.description), concurrency_limit=pool.concurrency_limit
        ),
    )


def _delete_pool(name: str, client: SyncPrefectClient) -> None:
    client.delete_work_pool(name)


def _queue_changes(
    name: str, pool: Pool, client: SyncPrefectClient, *, known: bool
) -> Iterator[Change]:
    there = (
        {queue.name: queue for queue in client.read_work_queues(work_pool_name=name)}
        if known
        else {}
    )
    for queue_name, queue in pool.queues.items():
        put = partial(_put_queue, name, queue_name, queue, client)
        full = f"{name}/{queue_name}"
        found = there.get(queue_name)
        if found is None:
            yield Change("+", "work queue", full, put)
            continue
        fields = differing(_shape_there(found), _shape(queue))
        if fields:
            yield Change("~", "work queue", full, put, fields)


def _put_queue(pool: str, name: str, queue: Queue, client: SyncPrefectClient) -> None:
    """Make a queue as declared; every pool has its default queue from the start."""
    described = {**_shape(queue), "description": _marked(queue.description)}
    try:
        there = client.read_work_queue_by_name(name, work_pool_name=pool)
    except ObjectNotFound:
        client.create_work_queue(name, work_pool_name=pool, **described)
    else:
        client.update_work_queue(there.id, **described)


def _shape(declared: Pool | Queue) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "description": declared.description,
        "concurrency_limit": declared.concurrency_limit,
    }
    return shape | ({"priority": declared.priority} if isinstance(declared, Queue) else {})


def _shape_there(there: WorkPool | WorkQueue) -> dict[str, Any]:
    marked = _made_here(there.description)
    description = (there.description or "").removesuffix(_MADE_HERE).rstrip()
    shape: dict[str, Any] = {
        # One that a person made is taken over: the description is what changes then.
        "description": description if marked else f"{description} (not made by ltx deploy)",
        "concurrency_limit": there.concurrency_limit,
    }
    return shape | ({"priority": there.priority} if isinstance(there, WorkQueue) else {})


def _marked(description: str) -> str:
    return f"{description} {_MADE_HERE}".strip()


def _made_here(description: str | None) -> bool:
    return (description or "").endswith(_MADE_HERE)
