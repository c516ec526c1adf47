"""Runs whose process vanished, started again under their own ids: the machinery's one flow."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.logging import get_run_logger
from prefect.states import AwaitingRetry
from pydantic import Field

from deployments.flow_runs import end_tasks, lives_here
from flows.plain_errors import log_errors_plainly
from ltxv.errors import Refused

_FIRST_WAIT_SECONDS = 5
_SETTLE_SECONDS = 10
"""A worker tells of a crash twice, the second time some seconds later: a run that was given back
meanwhile would become Crashed by that, without having run."""


@flow(name="restart-crashed", flow_run_name="restart {flow_run_id}")
def restart_crashed(flow_run_id: UUID, at_most: Annotated[int, Field(ge=0)] = 3) -> None:
    """Give a crashed run back to the workers of its pool.

    It keeps its id, and with it its seed and every stage that it finished. Each time it crashes
    the wait is twice as long. A run that is no longer crashed is left alone.

    Args:
        flow_run_id: The run that crashed.
        at_most: How often it is started again in its life.

    Raises:
        Refused: It crashed once too often, or its process is still there.
    """
    log_errors_plainly()
    logger = get_run_logger()
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(flow_run_id)
        run = _settled(run, client)
        if run.state is None or not run.state.is_crashed():
            logger.info("the run is %s now, and left alone", run.state and run.state.name)
            return
        crashes = max(1, _crashes(client.read_flow_run_states(run.id)))
        _refuse(run, crashes, at_most)
        end_tasks(run, client)
        wait = _FIRST_WAIT_SECONDS * 2 ** (crashes - 1)
        client.set_flow_run_state(
            run.id,
            AwaitingRetry(
                scheduled_time=datetime.now(UTC) + timedelta(seconds=wait),
                message=f"started again after crash {crashes}, at most {at_most} times",
            ),
            force=True,
        )
    logger.info("crash %d: it goes on in %d s", crashes, wait)


def _settled(run: FlowRun, client: SyncPrefectClient) -> FlowRun:
    """Return a run once its worker has said all that it has to say of the crash."""
    if run.state is not None and run.state.is_crashed():
        age = (datetime.now(UTC) - run.state.timestamp).total_seconds()
        time.sleep(max(0.0, _SETTLE_SECONDS - age))
    return client.read_flow_run(run.id)


def _crashes(states: Sequence[State[Any]]) -> int:
    """Count the crashes in a run's history; one that is told of twice is one."""
    crashes, began = 0, False
    for state in sorted(states, key=lambda state: state.timestamp):
        if state.is_running() or state.is_pending():
            began = True
        elif state.is_crashed() and began:
            crashes, began = crashes + 1, False
    return crashes


def _refuse(run: FlowRun, crashes: int, at_most: int) -> None:
    said = None
    if run.work_pool_name is None:
        said = "it is no run of a work pool; go on with it by `ltx resume`"
    elif crashes > at_most:
        said = (
            f"it crashed {crashes} times and was started again {at_most} times, which is the "
            "most; see its log, then go on with it by `ltx resume`"
        )
    elif lives_here(run):
        said = f"its process {run.infrastructure_pid} is still there; stop it, then `ltx resume`"
    if said is not None:
        raise Refused.because((f"run {run.id}",), said, type="value_error", input=str(run.id))
