"""What a request came to: its result, or why there is none."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

from anyio import to_thread
from starlette.requests import Request

from blocks.draft_notes import noted_drafts
from blocks.media_store import MediaStore
from blocks.run_notes import noted_failure, noted_run
from deployments.gateway.drafts.refined import RefinedDrafts
from deployments.gateway.endpoint_ids import kind_of
from deployments.gateway.failures import TIMEOUT_TYPE, Failure
from deployments.gateway.files.own import with_public_files
from deployments.gateway.hosts import address_of
from deployments.gateway.house import House
from deployments.gateway.runs import TIMED_OUT, Run
from ltxv.result import VideoResult

_SAID_FIRST = "Flow run encountered an exception: "
_REFUSED = "Refused: "


async def result_of(run: Run, request: Request) -> dict[str, Any]:
    """Return what a request that is over made.

    Args:
        run: The request.
        request: The caller's.

    Raises:
        Failure: There is no result; with the reason.
    """
    house: House = request.app.state.house
    made = await outcome_of(run, house.store)
    media = address_of(request, "media")
    public = partial(with_public_files, made, store=house.store, seal=house.seal, media=media)
    return await to_thread.run_sync(public)


async def outcome_of(run: Run, store: MediaStore) -> dict[str, Any]:
    """Return what a request that is over made, with addresses as the store has them.

    Raises:
        Failure: There is no result; with the reason.
    """
    if not run.succeeded:
        raise await failure_of(run, store)
    if run.kept_until is not None and run.kept_until <= datetime.now(UTC):
        said = f"the result was kept until {run.kept_until:%Y-%m-%d %H:%M:%S} UTC, as was asked for"
        raise Failure(404, said, error_type="not_found")
    read = _refined if run.makes_drafts else _made
    made = await to_thread.run_sync(read, run, store)
    if made is None:
        raise Failure.of_type(
            "internal_error", "the result is no longer in the store, or not in the gateway's"
        )
    return made.model_dump(mode="json")


def _made(run: Run, store: MediaStore) -> VideoResult | None:
    note = noted_run(str(run.id), store)
    return None if note is None else note.result


def _refined(run: Run, store: MediaStore) -> RefinedDrafts | None:
    note = noted_drafts(str(run.id), store)
    if note is None or not note.refined:
        return None
    return RefinedDrafts.of(note.refined, kind_of(run.endpoint))


async def failure_of(run: Run, store: MediaStore) -> Failure:
    """Return why a request that is over has no result."""
    if run.state == TIMED_OUT:
        headers = {TIMEOUT_TYPE: "user"}
        said = "Request timed out: no worker began it within the time given"
        return Failure(504, said, error_type="startup_timeout", headers=headers)
    if run.state == "Cancelled":
        return Failure.of_type("client_cancelled", "Request cancelled by the client.")
    if run.state == "Crashed":
        return Failure.of_type("runner_disconnected", "the worker's process vanished")
    details = await to_thread.run_sync(noted_failure, str(run.id), store)
    if details:
        return Failure.of_details(kind_of(run.endpoint).own_details(details))
    said = (run.message or "").removeprefix(_SAID_FIRST)
    if said.startswith(_REFUSED):
        return Failure.of_request((), said.removeprefix(_REFUSED), type="value_error")
    return Failure.of_request(
        (), "the run failed; the operator finds the reason in its log", type="internal_server_error"
    )
