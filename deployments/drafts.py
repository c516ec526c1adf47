"""The drafts of a run, as its table at the server has them."""

from __future__ import annotations

import base64
import json
from typing import NamedTuple
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterId,
)

from flows.draft_report import SHEET, TABLE


class DraftLine(NamedTuple):
    """One draft."""

    draft: int
    seed: int
    preview: str | None
    """Address of its small clip; None if the safety check refused it."""
    state: str


def drafts_of(run: UUID) -> list[DraftLine]:
    """Return the drafts of a run; none if it has not come so far."""
    table = _artifact(run, TABLE)
    return [] if table is None else [DraftLine(**line) for line in json.loads(table)]


def sheet_of_drafts(run: UUID) -> bytes | None:
    """Return the JPEG with all drafts; None if the run has not come so far."""
    picture = _artifact(run, SHEET)
    return None if picture is None else base64.b64decode(picture.partition(",")[2])


def _artifact(run: UUID, key: str) -> str | None:
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])),
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run])),
        )
    return str(found[0].data) if found else None
