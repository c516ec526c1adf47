"""Drafts of a run, noted in the store for whoever chooses among them from another machine."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from blocks.media_store import MediaStore
from blocks.media_store.keys import NOTES, drafts_name
from blocks.run_notes import noted
from ltxv.frozen import Frozen
from ltxv.refs import MediaRef, Ref
from ltxv.result import VideoResult


class NotedDraft(Frozen):
    """One draft."""

    draft: int = Field(description="Its number.")
    seed: int
    preview: MediaRef | None = Field(
        description="A small clip of it; null if the safety check refused it."
    )


class Refined(Frozen):
    """What became of a draft that was chosen."""

    draft: int
    result: VideoResult | None = Field(default=None, description="Null if it was refused.")
    refused: tuple[dict[str, Any], ...] = Field(
        default=(), description="Why, as the endpoint's list."
    )


class DraftsNote(Frozen):
    """All drafts of a run, and what became of those that were chosen."""

    drafts: tuple[NotedDraft, ...]
    sheet: Ref = Field(description="Sheet of all of them, JPEG.")
    refined: tuple[Refined, ...] = Field(default=(), description="In the order of the choice.")

    @property
    def numbers(self) -> list[int]:
        """Numbers of the drafts that can be chosen."""
        return [one.draft for one in self.drafts if one.preview is not None]


def note_drafts(run: str, note: DraftsNote, store: MediaStore) -> None:
    """Note the drafts of the flow run with the id ``run``, in place of an earlier note.

    Raises:
        Misconfigured: The store cannot be written to.
        Transient: The store cannot be reached.
    """
    store.own_place(NOTES).write(drafts_name(run), note.model_dump_json().encode())


def noted_drafts(run: str, store: MediaStore) -> DraftsNote | None:
    """Return the drafts of a run; None if it noted none that can be read.

    Raises:
        Misconfigured: The store denies access.
        Transient: The store cannot be reached.
    """
    return noted(drafts_name(run), DraftsNote, store)
