"""What a run came to, noted in the store for whoever started it on another machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import Field, ValidationError

from blocks.media_store import MediaStore
from blocks.media_store.keys import NOTES, OUTPUTS, failure_name, note_name
from ltxv.errors import LTXError, Refused, Transient
from ltxv.frozen import Frozen
from ltxv.refs import Ref
from ltxv.result import File, VideoResult

Note = TypeVar("Note", bound=Frozen)


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
    return noted(note_name(run), RunNote, store)


def noted(name: str, kind: type[Note], store: MediaStore) -> Note | None:
    """Return the note of a name; None if there is none that can be read.

    Raises:
        Misconfigured: The store denies access.
        Transient: The store cannot be reached.
    """
    content = store.own_place(NOTES).read(name)
    try:
        return None if content is None else kind.model_validate_json(content)
    except ValidationError:
        return None


def published_name(video: File, store: MediaStore) -> str:
    """Return the name that a run's video has among the outputs of its store.

    Whatever its address was when it was noted: a signed one may say the bucket in several ways.
    """
    key = store.key_of(video.url) or ""
    name = key.removeprefix(f"{OUTPUTS}/")
    return name if key != name else video.file_name


def note_failure(run: str, error: LTXError, store: MediaStore) -> None:
    """Note why the flow run with the id ``run`` made nothing, in the endpoint's terms.

    Raises:
        Misconfigured: The store cannot be written to.
        Transient: The store cannot be reached.
    """
    content = json.dumps({"detail": _detail_of(error)}).encode()
    store.own_place(NOTES).write(failure_name(run), content)


def noted_failure(run: str, store: MediaStore) -> Sequence[dict[str, Any]]:
    """Return the endpoint's ``detail`` list of a run that failed; empty if it noted none.

    Raises:
        Misconfigured: The store denies access.
        Transient: The store cannot be reached.
    """
    content = store.own_place(NOTES).read(failure_name(run))
    try:
        noted = [] if content is None else json.loads(content)["detail"]
    except (ValueError, KeyError, TypeError):
        return []
    return noted if isinstance(noted, list) else []


def _detail_of(error: LTXError) -> list[dict[str, Any]]:
    """Return what the caller may know; the operator's part is in the run's log."""
    if isinstance(error, Refused):
        return error.detail
    if isinstance(error, Transient) and error.violation is not None:
        return [error.violation.as_detail()]
    if isinstance(error, Transient):
        said = "a server that is needed for it failed at every try; send the request again later"
        return [{"loc": ["body"], "msg": said, "type": "downstream_service_unavailable"}]
    said = "the workers cannot do this as they are set up; the operator finds why in the run's log"
    return [{"loc": ["body"], "msg": said, "type": "internal_server_error"}]
