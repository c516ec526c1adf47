"""One row of a batch as a flow run of its own: in this process, or wherever a deployment runs."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping
from threading import Event
from typing import Any, Protocol

import httpx
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State, TaskRun
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.tasks import Task, task

from blocks.media_store import MediaStore
from blocks.media_store.keys import OUTPUTS
from blocks.run_notes import RunNote, noted_run
from flows.batch_row import BatchRow, failed
from flows.generate import generate_video
from flows.run_end import RunFailed, is_over, reason_of
from ltxv.errors import Cancelled, LTXError, Misconfigured, Refused, Transient, Violation
from ltxv.result import StageName, StageRecord
from ltxv.row_record import RowRecord
from tasks.ledger import watched_by

_POLL_SECONDS = 2


class Runs(Protocol):
    """Where the flow runs of rows come from."""

    def run(self, row: BatchRow) -> str:
        """Make a row's clip and return the id of the flow run that made it.

        Raises:
            LTXError: As the run says; ``Cancelled`` if the batch is to stop.
        """


class RunsHere:
    """Flow runs in this process, each in the thread that asks for it."""

    def __init__(self, parameters: Mapping[str, Any], stop: Event) -> None:
        self._parameters = parameters
        self._stop = stop

    def run(self, row: BatchRow) -> str:
        """Make a row's clip; the run stops at its next stage or step once the batch is to stop."""
        with watched_by(_Stopper(self._stop)):
            state = generate_video(row.request, **self._parameters, return_state=True)
        state.result()
        return str(state.state_details.flow_run_id)


class RunsOf:
    """Flow runs of a deployment, one for each key: who asks twice gets the same one."""

    def __init__(
        self, deployment: str, parameters: Mapping[str, Any], store: MediaStore, stop: Event
    ) -> None:
        self._deployment = deployment
        self._parameters = parameters
        self._store = store
        self._stop = stop
        self._starting = threading.Lock()
        _check(deployment)

    def run(self, row: BatchRow) -> str:
        """Make a row's clip; a run that is stopped waiting for goes on, and is found again."""
        for attempt in itertools.count(1):
            found = self._started(row, attempt)
            ran_before = is_over(found)
            ended = found if ran_before else self._ended(found)
            state = ended.state
            if state is not None and state.is_completed() and made(ended.id, self._store):
                return str(ended.id)
            if not ran_before:
                raise RunFailed(reason_of(ended))
        raise AssertionError("there is always another number")

    def _started(self, row: BatchRow, attempt: int) -> FlowRun:
        parameters = {**self._parameters, "request": row.request.model_dump(mode="json")}
        with self._starting:  # Prefect numbers the children of a run, and not for several threads
            run = run_deployment(
                self._deployment,
                parameters=parameters,
                flow_run_name=row.id,
                idempotency_key=f"ltx-batch-{row.key}-{attempt}",
                timeout=0,
            )
        if not isinstance(run, FlowRun):
            raise TypeError("a batch runs in a thread without an event loop")
        return run

    def _ended(self, run: FlowRun) -> FlowRun:
        with get_client(sync_client=True) as client:
            while not is_over(run):
                if self._stop.wait(_POLL_SECONDS):
                    raise Cancelled(f"the batch no longer waits for the flow run {run.id}")
                run = client.read_flow_run(run.id)
        return run


def _is_servers(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001
    """Say whether the Prefect server failed; a busy one on SQLite does at times."""
    return isinstance(state.result(raise_on_failure=False), PrefectException | httpx.HTTPError)


@task(
    name="row",
    task_run_name="{row.id}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=3,
    retry_delay_seconds=[2, 5, 15],
    retry_condition_fn=_is_servers,
)
def run_row(row: BatchRow, runs: Runs, store: MediaStore) -> RowRecord:
    """Make the clip of one row.

    Args:
        row: What is made.
        runs: Where its flow run comes from.
        store: Where the run notes what it made.
    """
    began = time.monotonic()
    run = runs.run(row)
    note = made(run, store)
    if note is None:
        raise Misconfigured(
            f"the flow run {run} left no note of its result; does it use the same store?"
        )
    return RowRecord(
        id=row.id,
        line=row.line,
        state="done",
        request_digest=row.digest,
        video=note.result.video,
        stored=store.own_address(f"{OUTPUTS}/{note.result.video.file_name}"),
        prompt=note.result.prompt,
        seed=note.result.seed,
        seconds=round(time.monotonic() - began, 3),
        run=run,
        stages=note.result.stages,
        sheet=note.sheet,
    )


def made(run: object, store: MediaStore) -> RunNote | None:
    """Return what a flow run made, if it is still there."""
    note = noted_run(str(run), store)
    if note is None:
        return None
    video = note.result.video
    clip = store.own_place(OUTPUTS).find(video.file_name)
    return note if clip is not None and clip.size == video.file_size else None


def record_of(row: BatchRow, error: Exception) -> RowRecord:
    """Return the record of a row whose run raised ``error``."""
    if isinstance(error, Cancelled):
        return RowRecord(id=row.id, line=row.line, state="not_run")
    if isinstance(error, Refused):
        return failed(row.id, row.line, error.violations)
    if isinstance(error, Transient) and error.violation is not None:
        return failed(row.id, row.line, [error.violation])
    said = str(error) if isinstance(error, LTXError) else f"{type(error).__name__}: {error}"
    kind = type(error).__name__.lower() if isinstance(error, LTXError) else "internal_error"
    return failed(row.id, row.line, [Violation(loc=(), msg=said, type=kind)])


class _Stopper:
    """Watches a run and ends it between two steps once its batch is to stop."""

    def __init__(self, stop: Event) -> None:
        self._stop = stop

    def running(self, flow_run: str) -> None:
        """Hear the run's id."""

    def noted(self, line: str) -> None:
        """Hear what its stages are for."""

    def started(self, stage: StageName) -> None:
        """Hear of a stage."""
        self._look(stage)

    def stepped(self, stage: StageName, done: int, total: int) -> None:  # noqa: ARG002
        """Hear of a step."""
        self._look(stage)

    def ended(self, record: StageRecord) -> None:
        """Hear what a stage did."""

    def _look(self, stage: StageName) -> None:
        if self._stop.is_set():
            raise Cancelled(f"the batch was stopped, in {stage}")


def _check(deployment: str) -> None:
    """Refuse a deployment that is not there, before anything runs."""
    with get_client(sync_client=True) as client:
        try:
            client.read_deployment_by_name(deployment)
        except (ObjectNotFound, ValueError) as error:
            raise Refused.because(
                ("deployment",),
                f"there is no deployment {deployment!r}; name one as in `prefect deployment ls`, "
                "such as generate-video/gpu, or leave it out to run the rows in this process",
                type="value_error",
                input=deployment,
            ) from error
