"""How long the engine worked for a stage, written to the run's ledger."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial

from ltxv.engine_time import engine_time
from ltxv.result import StageName
from tasks.ledger import current_ledger


def gpu_time(stage: StageName) -> AbstractContextManager[None]:
    """Add what the engine does inside to the stage's GPU seconds, tries that fail included."""
    return engine_time(partial(current_ledger().add_gpu_seconds, stage))
