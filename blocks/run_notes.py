"""What a finished run made, noted in the store for whoever started it on another machine."""

from __future__ import annotations

from pydantic import Field, ValidationError

from blocks.media_store import MediaStore
from blocks.media_store.keys import NOTES, note_name
from ltxv.frozen import Frozen
from ltxv.refs import Ref
from ltxv.result import VideoResult


class RunNote(Frozen):
    """A run's result and its contact sheet."""

    result: VideoResult
    sheet: Ref = Field(description="Contact sheet, JPEG.")


def note_run(run: str, note: RunNote, store: MediaStore) -> None:
    """Note what the flow run with the id ``run`` made.

    Raises:
        Misconfigured: The store cannot be written to.
        Transient: The store cannot be reached.
    """
    store.own_place(NOTES).write(note_name(run), note.model_dump_json().encode())


def noted_run(run: str, store: MediaStore) -> RunNote | None:
    """Return what a run made; None if it noted nothing that can be read.

    Raises:
        Misconfigured: The store denies access.
        Transient: The store cannot be reached.
    """
    content = store.own_place(NOTES).read(note_name(run))
    try:
        return None if content is None else RunNote.model_validate_json(content)
    except ValidationError:
        return None
