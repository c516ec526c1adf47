"""What became of a row of a batch: a line of its results manifest."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import Field

from ltxv.frozen import Frozen
from ltxv.refs import Ref
from ltxv.result import File, StageRecord

RowState = Literal["done", "failed", "not_run"]


class RowRecord(Frozen):
    """One row: where its clip is, or why there is none."""

    id: str = Field(description="The row's id; empty if it has none that can be used.")
    line: int = Field(description="Line of the manifest that it starts in.")
    state: RowState = Field(
        description="`done`, `failed`, or `not_run` where the batch ended before it."
    )
    request_digest: str = Field(
        default="", description="Of the request, the model, the quality and the safety checker."
    )
    video: File | None = None
    stored: str = Field(default="", description="Address of the clip in the store, unsigned.")
    prompt: str = ""
    seed: int | None = None
    seconds: float = Field(default=0, description="Wall time of the run that made it.")
    run: str = Field(default="", description="Id of the flow run that made it.")
    stages: tuple[StageRecord, ...] = ()
    sheet: Ref | None = Field(default=None, description="Contact sheet in the store, JPEG.")
    errors: tuple[dict[str, Any], ...] = Field(
        default=(), description="Why it failed, in the form of the endpoint's `detail`."
    )

    def as_line(self) -> bytes:
        """Return the record as a line of JSON."""
        text = json.dumps(self.model_dump(mode="json"), ensure_ascii=False)
        return text.encode(errors="backslashreplace") + b"\n"

    def problem(self) -> str:
        """Say in one line why it failed."""
        return "; ".join(
            f"{'.'.join(map(str, error['loc'][1:])) or 'request'}: {error['msg']}"
            for error in self.errors
        )
