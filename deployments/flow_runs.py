"""Flow runs by their ids, and going on with those whose process is gone."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import psutil
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import FlowPauseTimeout, ObjectNotFound
from prefect.flow_engine import run_flow
from prefect.flow_runs import resume_flow_run
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.states import AwaitingRetry, Crashed
from prefect.types.entrypoint import EntrypointType

from ltxv.errors import Refused

ENTRYPOINTS: Mapping[str, str] = {
    "generate-video": "flows.generate.generate_video",
    "draft-videos": "flows.draft.draft_videos",
    "sweep-settings": "flows.sweep.sweep_settings",
    "generate-batch": "flows.batch.generate_batch",
}
"""Flows that a command goes on with, by the names their runs have at the server."""

_HERE = "this-machine"
_SEARCHED = 200
_SHORTEST = 4
LET_GO_SECONDS = 5
"""A Prefect worker dies of a run that it is to take up before it has let go of it."""


def find_run(named: str) -> FlowRun:
    """Return the flow run with this id, or the recent one whose id starts so.

    Raises:
        Refused: There is none, or there are several.
    """
    with get_client(sync_client=True) as client:
        try:
            return client.read_flow_run(UUID(named))
        except ValueError:
            found = _starting_with(named, client)
        except ObjectNotFound:
            found = []
    if len(found) == 1:
        return found[0]
    said = (
        f"the ids of {len(found)} runs start with it; give more of the id"
        if found
        else "there is no such flow run; `ltx resume` lists those that can be gone on with"
    )
    raise _refused(named, said)


def unfinished_runs() -> list[FlowRun]:
    """Return the recent runs of our flows that ended without a result, newest first."""
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=_SEARCHED)
        names = {run.flow_id: client.read_flow(run.flow_id).name for run in runs}
    return [run for run in runs if names[run.flow_id] in ENTRYPOINTS and _obstacle(run) is None]


def start_here(flow: Flow[..., Any], parameters: Mapping[str, Any]) -> Any:
    """Run a flow in this process as a run of a deployment, so that it can be suspended.

    The deployment has no work pool: no worker ever takes its runs.

    Raises:
        Pause: The run was suspended; it waits without this process.
        LTXError: As the flow says.
    """
    deployment = RunnerDeployment.from_flow(
        flow,
        name=_HERE,
        description="Runs that a command started in a process of its own.",
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    # Typed for both kinds of callers; in a synchronous one it returns the id.
    applied = cast("UUID", deployment.apply())
    with get_client(sync_client=True) as client:
        run = client.create_flow_run_from_deployment(
            applied, parameters=flow.serialize_parameters(dict(parameters))
        )
    return run_flow(flow, flow_run=run)


def resume_with(run: FlowRun, answer: Mapping[str, Any]) -> Any:
    """Give a suspended run what it waits for; unless a worker does, go on with it here.

    Returns:
        What the flow returns; None if a worker goes on with it.

    Raises:
        Refused: The run waits for nothing, or the answer is not one it takes.
        LTXError: As the flow says.
    """
    if run.state is None or not run.state.is_paused():
        raise _refused(run.id, _obstacle(run) or "it waits for no choice; try `ltx resume`")
    try:
        resume_flow_run(run.id, run_input=dict(answer))
    except (RuntimeError, FlowPauseTimeout) as error:
        raise _refused(run.id, f"the choice is not accepted: {error}") from error
    if run.work_pool_name is not None:
        return None
    with get_client(sync_client=True) as client:
        again = client.read_flow_run(run.id)
    return run_flow(_flow_of(run), flow_run=again)


def continue_run(run: FlowRun) -> Any:
    """Run a flow run that was left behind to its end, under the same id.

    Its stages are those of the first time: what was finished is in the store. A run of a work
    pool is given back to the pool's workers, any other goes on in this process.

    Returns:
        What the flow returns; None if a worker goes on with it.

    Raises:
        Refused: It is finished, cancelled, still running, or no flow of ours.
        LTXError: As the flow says.
    """
    refuse_if_over(run)
    flow = _flow_of(run)
    with get_client(sync_client=True) as client:
        end_tasks(run, client)
        client.set_flow_run_state(run.id, _to_be_taken_up(run), force=True)
        again = client.read_flow_run(run.id)
    if run.work_pool_name is not None:
        return None
    return run_flow(flow, flow_run=again)


def _to_be_taken_up(run: FlowRun) -> State[Any]:
    """Return the state of a run that goes on: at a pool once its worker has let go of it."""
    wait = timedelta(seconds=0 if run.work_pool_name is None else LET_GO_SECONDS)
    return AwaitingRetry(scheduled_time=datetime.now(UTC) + wait, message="ltx resume")


def flow_name(run: FlowRun) -> str:
    """Return the name of the flow that a run is one of."""
    with get_client(sync_client=True) as client:
        return client.read_flow(run.flow_id).name


def _flow_of(run: FlowRun) -> Flow[..., Any]:
    name = flow_name(run)
    if name not in ENTRYPOINTS:
        raise _refused(run.id, f"it is a run of {name}, which is no flow of LTX Flows")
    flow: Flow[..., Any] = load_flow_from_entrypoint(ENTRYPOINTS[name], use_placeholder_flow=False)
    return flow


def refuse_if_over(run: FlowRun) -> None:
    """Refuse a run that cannot be gone on with.

    Raises:
        Refused: With the reason.
    """
    reason = _obstacle(run)
    if reason is not None:
        raise _refused(run.id, reason)


def _obstacle(run: FlowRun) -> str | None:
    """Say why a run cannot be gone on with; None if it can."""
    state = run.state
    if state is None or state.is_failed() or state.is_crashed():
        return None
    if state.is_completed():
        return "it is finished; its result is at its page in the Prefect UI"
    if state.is_cancelled() or state.is_cancelling():
        return "it was cancelled; start it again as a new one"
    if state.is_paused():
        return "it waits for a choice; give it with `ltx refine`"
    if state.is_scheduled() and run.work_pool_name is not None:
        return "it waits for a worker; start one, or look at its work pool"
    return _still_runs(run)


def lives_here(run: FlowRun) -> bool:
    """Say whether the process of a run is one of this machine, and still there."""
    host, pid = _process_of(run)
    if pid is None or host != socket.gethostname():
        return False
    try:
        began = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return False
    # A later one was given the number since.
    return run.start_time is None or bool(began <= run.start_time.timestamp())


def _still_runs(run: FlowRun) -> str | None:
    """Say where a run that was never ended may still be going on; None if its process is gone."""
    host, pid = _process_of(run)
    if pid is None:
        return None
    if not host:  # Prefect's process workers write down no more than the number
        return (
            f"it runs in process {pid} of a worker, as far as the server knows; it becomes Crashed "
            "three minutes after that vanished, if `ltx deploy` set the server up"
        )
    if host != socket.gethostname():
        return f"it runs in process {pid} of {host}, as far as the server knows; resume it there"
    if lives_here(run):
        return f"process {pid} still runs it; wait for it, or stop it first"
    return None


def _process_of(run: FlowRun) -> tuple[str, int | None]:
    host, _, pid = (run.infrastructure_pid or "").rpartition(":")
    return host, int(pid) if pid.isdecimal() else None


def end_tasks(run: FlowRun, client: SyncPrefectClient) -> None:
    """Mark the tasks of a run that ended with their process: nothing else ever would."""
    left = client.read_task_runs(
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])),
        task_run_filter=TaskRunFilter(
            state=TaskRunFilterState(
                type=TaskRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING])
            )
        ),
    )
    for task in left:
        client.set_task_run_state(task.id, Crashed(message="its process is gone"), force=True)


def _starting_with(named: str, client: SyncPrefectClient) -> list[FlowRun]:
    if len(named) < _SHORTEST:
        return []
    recent = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=_SEARCHED)
    return [run for run in recent if str(run.id).startswith(named.lower())]


def _refused(run: UUID | str, said: str) -> Refused:
    return Refused.because((f"run {run}",), said, type="value_error", input=str(run))
