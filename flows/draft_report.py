"""What a person sees of drafts: a sheet of all, a moving picture of each, a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from prefect.artifacts import create_table_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, FlowRunFilter
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from blocks.draft_notes import DraftsNote, NotedDraft, Refined, note_drafts, noted_drafts
from blocks.media_store import MediaStore
from flows.pictures import attach_picture
from flows.prepare import Written
from ltxv.engine import Frames
from ltxv.errors import LTXError
from ltxv.media.frames import read_frames
from ltxv.media.moving_picture import moving_picture
from ltxv.media.sheet import Cell, sheet_of, spread
from ltxv.request import VideoRequest
from tasks.clip import Clip
from tasks.patience import kept, patiently
from tasks.progress import UNREACHABLE

TABLE, SHEET = "drafts", "drafts-sheet"
"""Keys of the artifacts."""

_CELLS = 4


class Draft(NamedTuple):
    """One draft of a request."""

    number: int
    request: VideoRequest
    """The request with the draft's seed, and with the prompt that all drafts share."""
    clip: Clip | None
    """A look at it; None if the safety check refused it."""
    written: Written | None = None
    """How that prompt came about; None if it is the caller's own."""


def show_drafts(drafts: Sequence[Draft], *, store: MediaStore) -> None:
    """Note the drafts in the store and attach them to the flow run; once, also if it is resumed.

    Args:
        drafts: What was made.
        store: Where the clips are.

    Raises:
        Transient: The store was away for a minute.
        Misconfigured: The store cannot be written to.
    """
    run = str(flow_run.get_id())
    if patiently(lambda: noted_drafts(run, store)) is not None and _shown():
        return
    rows = []
    for draft in drafts:
        if draft.clip is None:
            continue
        frames = patiently(partial(_frames, draft.clip, store))
        rows.append(_row(draft, frames))
        with _if_possible():
            _attach_moving(draft, frames)
    sheet = sheet_of(rows)
    note = DraftsNote(
        drafts=tuple(_noted(draft) for draft in drafts),
        sheet=kept(sheet, folder="sheets", suffix=".jpg", store=store),
    )
    patiently(lambda: note_drafts(run, note, store))
    with _if_possible():
        attach_picture(sheet, "image/jpeg", key=SHEET, description=f"{len(rows)} drafts")
        create_table_artifact([_line(draft, store) for draft in drafts], key=TABLE)


def note_refined(refined: Sequence[Refined], *, store: MediaStore) -> None:
    """Note what became of the drafts that were chosen.

    Args:
        refined: In the order of the choice.
        store: Where the drafts are noted.

    Raises:
        Transient: The store was away for a minute.
        Misconfigured: The store cannot be written to.
    """
    run = str(flow_run.get_id())
    note = patiently(lambda: noted_drafts(run, store))
    if note is not None:
        whole = note.model_copy(update={"refined": tuple(refined)})
        patiently(lambda: note_drafts(run, whole, store))


@contextmanager
def _if_possible() -> Iterator[None]:
    try:
        yield
    except (LTXError, *UNREACHABLE) as error:
        get_run_logger().warning("the drafts are not all shown: %s", error)


def _attach_moving(draft: Draft, frames: Frames) -> None:
    if draft.clip is not None:
        attach_picture(
            moving_picture(frames, frame_rate=draft.clip.video.frame_rate),
            "image/webp",
            key=f"draft-{draft.number}",
            description=f"Draft {draft.number}, seed {draft.request.seed}",
        )


def _noted(draft: Draft) -> NotedDraft:
    return NotedDraft(
        draft=draft.number,
        seed=draft.request.seed or 0,
        preview=None if draft.clip is None else draft.clip.video,
    )


def _shown() -> bool:
    """Say whether an earlier process of this run attached them; the table comes last."""
    mine = FlowRunFilter.model_validate({"id": {"any_": [flow_run.get_id()]}})
    found: Sequence[object] = ()
    with _if_possible(), get_client(sync_client=True) as client:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[TABLE])),
            flow_run_filter=mine,
        )
    return bool(found)


def _frames(clip: Clip, store: MediaStore) -> Frames:
    with store.open(clip.video) as file:
        return read_frames(file)


def _row(draft: Draft, frames: Frames) -> list[Cell]:
    shown = spread(len(frames), _CELLS)
    named = f"draft {draft.number}   seed {draft.request.seed}"
    return [Cell(frames[n], named if n == shown[0] else f"frame {n}") for n in shown]


def _line(draft: Draft, store: MediaStore) -> dict[str, str | int | None]:
    return {
        "draft": draft.number,
        "seed": draft.request.seed,
        "preview": None if draft.clip is None else store.url(draft.clip.video.path),
        "state": "refused by the safety check" if draft.clip is None else "can be refined",
    }
