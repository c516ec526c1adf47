"""What there is to choose from, for as long as a run waits for a choice."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any
from uuid import UUID

from anyio import to_thread
from pydantic import BaseModel, Field

from blocks.draft_notes import NotedDraft, noted_drafts
from blocks.media_store import MediaStore
from deployments.gateway.access.seal import Seal
from deployments.gateway.files.addresses import kept_address
from deployments.gateway.runs import Run

_FRESH_SECONDS = 300.0
"""How long addresses are told again: signed ones would be a change of the status each time."""
_REMEMBERED = 500


class OfferedDraft(BaseModel):
    """One draft."""

    draft: int = Field(description="Its number, by which it is chosen.")
    seed: int
    preview_url: str | None = Field(
        description="A small clip of it; null if the safety check refused it."
    )


class Offer(BaseModel):
    """Drafts that wait for a choice."""

    drafts: list[OfferedDraft]
    sheet_url: str | None = Field(description="A picture of all of them, JPEG.")
    refine_url: str = Field(description="Where the choice is sent.")


class Offers:
    """What runs have to choose from, read from the store.

    Args:
        store: Where drafts are noted.
        seal: Of the gateway.
    """

    def __init__(self, store: MediaStore, seal: Seal) -> None:
        self._store = store
        self._seal = seal
        self._told: OrderedDict[tuple[UUID, str], tuple[float, dict[str, Any]]] = OrderedDict()

    async def of(self, run: Run, *, media: str) -> dict[str, Any]:
        """Return the drafts of a run that waits for a choice, with addresses that open.

        Args:
            run: The request.
            media: Address of the door ``media`` as the caller reaches it.

        Raises:
            LTXError: The store fails.
        """
        key = (run.id, media)
        at, told = self._told.get(key, (float("-inf"), {}))
        if time.monotonic() - at > _FRESH_SECONDS:
            told = await to_thread.run_sync(self._read, str(run.id), media)
            if not told["drafts"]:
                return told
            self._told[key] = (time.monotonic(), told)
            self._told.move_to_end(key)
            while len(self._told) > _REMEMBERED:
                self._told.popitem(last=False)
        return told

    def _read(self, run: str, media: str) -> dict[str, Any]:
        note = noted_drafts(run, self._store)
        if note is None:
            return {"drafts": [], "sheet_url": None}
        return {
            "drafts": [self._offered(one, media) for one in note.drafts],
            "sheet_url": self._address(note.sheet.path, media),
        }

    def _offered(self, one: NotedDraft, media: str) -> dict[str, Any]:
        at = None if one.preview is None else self._address(one.preview.path, media)
        return {"draft": one.draft, "seed": one.seed, "preview_url": at}

    def _address(self, path: str, media: str) -> str:
        url = self._store.url(path)
        return kept_address(path, media, self._seal) if url.startswith("file:") else url
