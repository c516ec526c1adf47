"""How runs elsewhere end, and rows of a batch whose runs are started again."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun, State
from prefect.deployments.runner import RunnerDeployment
from prefect.states import Cancelled, Completed, Crashed, Failed, Running
from prefect.types.entrypoint import EntrypointType

from deployments.flow_runs import continue_run
from flows.generate import generate_video
from flows.run_end import RESTARTED, is_over
from ltxv.batch_result import BatchResult
from tests.flows.batches import row, run, write
from tests.flows.conftest import House

LOOKS_AGAIN_SECONDS = 5


@pytest.mark.parametrize(
    ("state", "tags", "over"),
    [
        (Running, [RESTARTED], False),
        (Completed, [RESTARTED], True),
        (Failed, [RESTARTED], True),
        (Cancelled, [RESTARTED], True),
        (Crashed, [], True),
        (Crashed, [RESTARTED], False),
        (lambda: Crashed(timestamp=datetime.now(UTC) - timedelta(minutes=3)), [RESTARTED], True),
    ],
)
def test_only_a_crash_that_may_be_mended_is_no_end(
    state: Callable[[], State[Any]], tags: list[str], over: bool
) -> None:
    """A crashed run that an automation starts again has two minutes; nothing else waits."""
    assert is_over(FlowRun(flow_id=uuid.uuid4(), state=state(), tags=tags)) is over


def test_a_row_whose_run_crashed_and_was_started_again_is_made(
    house: House, tmp_path: Path
) -> None:
    """The batch waits for the second life of a run instead of giving its row up."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    deployment: Any = RunnerDeployment.from_flow(
        generate_video, name=name, tags=[RESTARTED], entrypoint_type=EntrypointType.MODULE_PATH
    ).apply()
    manifest = write(tmp_path / "m.jsonl", row("a"))
    with ThreadPoolExecutor(1) as beside, get_client(sync_client=True) as client:
        batch = beside.submit(run, house, manifest, deployment=f"generate-video/{name}")
        child = _run_of(client, deployment, batch)
        client.set_flow_run_state(child.id, Crashed(), force=True)
        time.sleep(LOOKS_AGAIN_SECONDS)
        assert not batch.done()
        continue_run(client.read_flow_run(child.id))
        result = batch.result(timeout=60)
    assert (result.made, result.failed) == (1, 0)


def _run_of(client: Any, deployment: Any, batch: Future[BatchResult]) -> FlowRun:
    """Return the deployment's only run, once there is one."""
    which = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
    until = time.monotonic() + 60
    while True:
        found: list[FlowRun] = client.read_flow_runs(deployment_filter=which)
        if found:
            return found[0]
        assert not batch.done(), batch.result()
        assert time.monotonic() < until
        time.sleep(0.2)
