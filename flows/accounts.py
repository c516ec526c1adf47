"""What a run used of a GPU, written down at the server: labels of the flow run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from uuid import UUID

from opentelemetry.trace import Span
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.logging import get_logger

from blocks.ltx_model import LTXModel
from flows.worker_report import report_part
from ltxv.result import Usage
from ltxv.tracing import TRACEPARENT, span, start_tracing
from tasks.ledger import Ledger, new_ledger
from tasks.progress import UNREACHABLE

GPU_SECONDS, COST, VIDEOS = "ltx.gpu_seconds", "ltx.cost", "ltx.videos"
"""Labels of a run; they grow with each part of it, also over its restarts."""

Labels = dict[str, bool | int | float | str]

_APART = {"timeout": 30}
"""Settings of a client of its own: the run's is closed when the run ends."""

_writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ltx-accounts")
"""Who tells the server, part after part. A server on SQLite often refuses the first time, and
Prefect's client then waits 2 s; a process ends when all is told."""


@contextmanager
def accounted(model: LTXModel, *, suspends: bool = False) -> Iterator[Ledger]:
    """Open the ledger of a part of this run; however it ends, what it used is written down.

    The run does not wait for that.

    Args:
        model: Whose device has a price, or none.
        suspends: Whether the run is suspended afterwards, and goes on from what the server has.
            For that it does wait.
    """
    start_tracing("ltx-flow")
    with new_ledger() as ledger, _span() as part:
        try:
            yield ledger
        finally:
            cached = [name for name, row in ledger.records.items() if row.state == "cached"]
            part.set_attribute("ltx.cached", cached)
            videos = int("upload" in ledger.records)
            report_part(ledger.table(), videos=videos)
            told = _write_down(ledger.usage(hour_price=model.gpu_hour_price), videos=videos)
            if suspends and told is not None:
                told.result()


@contextmanager
def _span() -> Iterator[Span]:
    """Trace this part of the run; below whoever submitted it, if that was traced."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    caller = None if run is None else run.labels.get(TRACEPARENT)
    with span(
        "run" if context is None or context.flow is None else context.flow.name,
        carried={"traceparent": str(caller)} if caller else None,
        flow_run=None if run is None else str(run.id),
    ) as part:
        yield part


def _write_down(used: Usage, *, videos: int) -> Future[None] | None:
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or not (used.gpu_seconds or videos):
        return None
    labels = _added(run, used, videos)
    run.labels.update(labels)  # the next part of this process counts on from here
    return _writer.submit(copy_context().run, _tell, run.id, labels)


def _tell(run: UUID, labels: Labels) -> None:
    try:
        with get_client(httpx_settings=_APART, sync_client=True) as client:
            client.update_flow_run_labels(run, labels)
    except UNREACHABLE as error:
        # Not on the run's page: that is at the server, too.
        get_logger("accounts").warning("what run %s used is not written down: %s", run, error)


def _added(run: FlowRun, used: Usage, videos: int) -> Labels:
    labels: Labels = {
        GPU_SECONDS: round(label(run.labels, GPU_SECONDS) + used.gpu_seconds, 3),
        VIDEOS: int(label(run.labels, VIDEOS)) + videos,
    }
    if used.cost is not None:
        labels[COST] = round(label(run.labels, COST) + used.cost, 6)
    return labels


def label(labels: Mapping[str, object], name: str) -> float:
    """Return a label that is a number; 0 where it is none."""
    found = labels.get(name)
    return float(found) if isinstance(found, int | float) else 0.0
