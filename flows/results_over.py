"""Results that whoever asked for them wanted for a while only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType

from blocks.draft_notes import noted_drafts
from blocks.media_store import MediaStore
from blocks.media_store.keys import DRAFTS_END, NOTES, OUTPUTS
from blocks.run_notes import noted_run, published_name
from blocks.uploads import Removed
from ltxv.result import VideoResult

LIFETIME = "lifetime"
"""Kind of the tag with the seconds for which a run's result is wanted."""

_GATEWAY = "gateway"
_PAGE = 200


def kept_until(run: FlowRun) -> datetime | None:
    """Return when the result of a run that completed is over; None if it is kept for good."""
    told = next((tag for tag in run.tags if tag.startswith(f"{LIFETIME}:")), "")
    seconds = told.partition(":")[2]
    if run.end_time is None or not seconds.isdecimal():
        return None
    try:
        return run.end_time + timedelta(seconds=int(seconds))
    except OverflowError:  # for good, as good as
        return None


def remove_results_over(store: MediaStore, *, dry_run: bool) -> Removed:
    """Remove the videos of runs whose results are over, but for those that others made as well.

    Args:
        store: Where they are.
        dry_run: Only say what would go.

    Raises:
        Transient: The store cannot be reached.
        Misconfigured: The store denies access.
    """
    with get_client(sync_client=True) as client:
        over = {str(run.id) for run in _over(client)}
    if not over:
        return Removed(0, 0)
    going: set[str] = set()
    staying: set[str] = set()
    for file in store.own_place(NOTES).names():
        run = file.removesuffix(DRAFTS_END).removesuffix(".json")
        made = _refined(run, store) if file.endswith(DRAFTS_END) else _made(run, store)
        names = {published_name(result.video, store) for result in made}
        (going if run in over else staying).update(names)
    outputs = store.own_place(OUTPUTS)
    sizes = {name: found.size for name in going - staying if (found := outputs.find(name))}
    for name in () if dry_run else sizes:
        outputs.remove(name)
    return Removed(len(sizes), sum(sizes.values()))


def _made(run: str, store: MediaStore) -> list[VideoResult]:
    note = noted_run(run, store)
    return [] if note is None else [note.result]


def _refined(run: str, store: MediaStore) -> list[VideoResult]:
    note = noted_drafts(run, store)
    refined = () if note is None else note.refined
    return [one.result for one in refined if one.result is not None]


def _over(client: SyncPrefectClient) -> Iterator[FlowRun]:
    wanted = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[_GATEWAY]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.COMPLETED])),
    )
    seen = 0
    while page := client.read_flow_runs(flow_run_filter=wanted, limit=_PAGE, offset=seen):
        seen += len(page)
        for run in page:
            until = kept_until(run)
            if until is not None and until <= datetime.now(UTC):
                yield run
