"""How far a pass is, for whoever watches: the Prefect UI and the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.exceptions import PrefectException
from prefect.logging import get_run_logger
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from ltxv.engine import OnStep
from ltxv.result import StageName
from tasks.ledger import tell_stepped

UNREACHABLE = (PrefectException, httpx.HTTPError, OSError)
"""What a Prefect server that is away or refuses makes of a call."""

_RETRIES = {PREFECT_CLIENT_MAX_RETRIES: 1}
"""A server on SQLite often refuses the first time. One that is away is not waited for: a pass that
is done is to be kept at once."""

_SECONDS_APART = 1.0
"""Quicker steps are told together: nobody sees more, and a server on SQLite refuses others while
it writes."""


@contextmanager
def pass_progress(stage: StageName, steps: int) -> Iterator[OnStep]:
    """Show a progress artifact that grows with each of ``steps`` steps.

    The server is told from a thread of its own, so that a slow one does not hold a GPU up; steps
    that end while it is being told, or within a second, are told together. One that cannot be
    reached costs the artifact, not the pass.
    """
    logger = get_run_logger()
    with temporary_settings(_RETRIES):
        apart = copy_context()
    with ThreadPoolExecutor(max_workers=1) as teller:

        def tell(call: Callable[..., Any], *arguments: Any, **named: Any) -> Future[Any]:
            return teller.submit(apart.run, call, *arguments, **named)

        description = f"{stage}: {steps} {'step' if steps == 1 else 'steps'}"
        artifact = tell(
            create_progress_artifact, 0.0, key=stage.replace("_", "-"), description=description
        )
        told, told_at = [artifact], time.monotonic()

        def on_step(done: int, total: int) -> None:
            nonlocal told_at
            logger.info("%s: step %d of %d", stage, done, total)
            tell_stepped(stage, done, total)
            due = told[-1].done() and time.monotonic() - told_at >= _SECONDS_APART
            if due or done == total:
                told_at = time.monotonic()
                told.append(tell(_update, artifact, 100 * done / total))

        yield on_step
        try:
            told[-1].result()
        except UNREACHABLE as error:
            logger.warning("the progress of %s is not shown: %s", stage, error)


def _update(artifact: Future[Any], percent: float) -> None:
    update_progress_artifact(artifact.result(), progress=percent)
