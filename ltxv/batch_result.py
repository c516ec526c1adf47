"""What a batch came to."""

from __future__ import annotations

from pydantic import Field

from ltxv.frozen import Frozen


class RowFailure(Frozen):
    """A row without a clip."""

    id: str
    line: int = Field(description="Line of the manifest that the row starts in.")
    problem: str = Field(description="Why, in one line.")


class BatchResult(Frozen):
    """The counts of a batch, its failures, and where everything else about it is."""

    results: str = Field(description="Address of the results manifest, one line of JSON a row.")
    manifest: str = Field(description="Address of the manifest.")
    manifest_digest: str = Field(description="SHA-256 of the manifest as it was read.")
    rows: int
    made: int = Field(description="Rows that were run and gave a clip.")
    kept: int = Field(description="Rows whose clip an earlier run had made.")
    failed: int
    not_run: int = Field(description="Rows that the batch ended before.")
    seconds: float = Field(description="Wall time of the batch.")
    gpu_seconds: float = Field(
        description="Estimated cost, at most, of the rows that were made, in seconds of an H200."
    )
    failures: tuple[RowFailure, ...] = ()
