"""What a worker says of itself, and what its runs tell it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ltxv.result import StageRecord


class PairState(BaseModel):
    """One GPU of a worker."""

    name: str
    engine: str
    worker: str
    runs: int
    restarts: int


class WorkerState(BaseModel):
    """A worker of this machine."""

    pool: str
    pid: int
    pairs: list[PairState]


class RunPart(BaseModel):
    """What a part of a run did, such as one video of a sweep."""

    model_config = ConfigDict(extra="forbid")

    stages: list[StageRecord]
    videos: int


class RunFailure(BaseModel):
    """A run that ended without a result."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    type: str = ""
