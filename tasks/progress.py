"""How far a pass is, for whoever watches: the Prefect UI and the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.exceptions import PrefectException
from prefect.logging import get_run_logger

from ltxv.engine import OnStep
from ltxv.result import StageName
from tasks.ledger import tell_stepped

UNREACHABLE = (PrefectException, httpx.HTTPError, OSError)
"""What a Prefect server that is away or refuses makes of a call."""


@contextmanager
def pass_progress(stage: StageName, steps: int) -> Iterator[OnStep]:
    """Show a progress artifact that grows with each of ``steps`` steps.

    A server that cannot be reached costs the artifact, not the pass.
    """
    logger = get_run_logger()
    artifact: Any = None
    try:
        artifact = create_progress_artifact(
            0.0, key=stage.replace("_", "-"), description=f"{stage}: {steps} steps"
        )
    except UNREACHABLE as error:
        logger.warning("no progress artifact: %s", error)

    def on_step(done: int, total: int) -> None:
        logger.info("%s: step %d of %d", stage, done, total)
        tell_stepped(stage, done, total)
        if artifact is not None:
            try:
                update_progress_artifact(artifact, progress=100 * done / total)
            except UNREACHABLE as error:
                logger.warning("progress not shown: %s", error)

    yield on_step
