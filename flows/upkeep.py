"""Keep a store from growing without end."""

# Annotations are not postponed here: `serve` sends a flow to its processes by value, and names in
# texts would not be sent along.

from typing import Annotated

from prefect import flow
from prefect.logging import get_run_logger
from pydantic import Field

from blocks.media_store import MediaStore
from blocks.media_store.cleaned import Cleaned, Limits
from blocks.saved import DEFAULT, saved
from blocks.upload_parts import remove_left_parts
from blocks.uploads import Uploads
from flows.plain_errors import log_errors_plainly
from flows.results_over import remove_results_over
from flows.runs_needed import runs_needed
from tasks.tell_operator import tell_operator

_DAY = 24 * 3600
_HOUR = 3600
_GIGABYTE = 10**9


@flow(name="upkeep", flow_run_name="{store}")
def upkeep(
    store: str = DEFAULT,
    max_age_days: Annotated[float, Field(gt=0)] = 90,
    max_size_gb: Annotated[float, Field(gt=0)] | None = None,
    grace_hours: Annotated[float, Field(ge=1)] = 24,
    dry_run: bool = False,
) -> Cleaned:
    """Remove from a store what nobody has used for long, and the oldest of what is too much.

    Finished videos and everything else under `outputs/` stay, but for uploads and results that
    callers of the gateway wanted for a while. What a stage made is first taken out of use, and
    removed by a later run of this flow once the grace is over, so that no run loses what it was
    just given. The note of what a run made stays while that run, or the batch that it is part of,
    can be gone on with.

    Args:
        store: Name of the saved LTX Media Store block.
        max_age_days: Days after its last use, in a bucket after it was written, that a stage's
            outcome is kept.
        max_size_gb: Gigabytes that all outcomes may have together; no limit if left out.
        grace_hours: Hours that what is out of use stays; longer than any run.
        dry_run: Only report what would go.

    Returns:
        What went and what is there.

    Raises:
        Transient: The store cannot be reached.
        Misconfigured: There is no such block, or the store denies access.
    """
    log_errors_plainly()
    limits = Limits(
        max_age=max_age_days * _DAY,
        max_bytes=None if max_size_gb is None else int(max_size_gb * _GIGABYTE),
        grace=grace_hours * _HOUR,
    )
    kept = saved(MediaStore, store)
    cleaned = _without_ended(kept.clean(limits, needed=runs_needed, dry_run=dry_run), kept)
    get_run_logger().info(summary(cleaned))
    tell_operator(_page(cleaned), key="upkeep", description="What the store no longer has")
    return cleaned


def _without_ended(cleaned: Cleaned, store: MediaStore) -> Cleaned:
    """Remove uploads and results as well whose senders wanted them for a while, and say so."""
    ended = Uploads(store).remove_ended(dry_run=cleaned.dry_run)
    left = remove_left_parts(store, dry_run=cleaned.dry_run)
    over = remove_results_over(store, dry_run=cleaned.dry_run)
    return cleaned.model_copy(
        update={
            "uploads": ended.files + left.files,
            "results": over.files,
            "freed_bytes": cleaned.freed_bytes + ended.size + left.size + over.size,
            "published_bytes": cleaned.published_bytes - ended.size - over.size,
        }
    )


def summary(cleaned: Cleaned) -> str:
    """Say in one line what went."""
    return (
        f"{'would free' if cleaned.dry_run else 'freed'} {_shown(cleaned.freed_bytes)}: "
        f"{cleaned.payloads} files of content, {cleaned.notes} notes of runs and "
        f"{cleaned.leftovers} leftovers, {cleaned.uploads} uploads and "
        f"{cleaned.results} results whose time is over; "
        f"{cleaned.records} results taken out of use, "
        f"{_shown(cleaned.waiting_bytes)} go after the grace"
    )


def _page(cleaned: Cleaned) -> str:
    line = summary(cleaned)
    return f"""\
# {line[0].upper()}{line[1:]}

| | |
|---|---|
| results taken out of use | {cleaned.records} |
| files of content removed | {cleaned.payloads} |
| notes of runs removed | {cleaned.notes} |
| leftovers of dead processes removed | {cleaned.leftovers} |
| uploads removed, their time was over | {cleaned.uploads} |
| results removed, their time was over | {cleaned.results} |
| freed | {_shown(cleaned.freed_bytes)} |
| goes after the grace | {_shown(cleaned.waiting_bytes)} |
| stays | {_shown(cleaned.kept_bytes)} |
| published, never removed | {_shown(cleaned.published_bytes)} |
"""


def _shown(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
