"""`ltx worker`: a real worker with a real engine takes runs of a pool and survives faults."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prefect import get_client
from prefect.client.schemas.objects import FlowRun
from pytest_httpserver import HTTPServer

from deployments.doctor import examine_pool
from deployments.worker.whereabouts import workers_here
from tests.collector import collect, sent
from tests.deployments.worker.plant import BIN, Plant, kill_family
from tests.deployments.worker.test_metrics import samples
from tests.flows.conftest import House, new_house

__all__ = ["new_house"]


@pytest.fixture
def plant(
    new_house: Callable[..., House], tmp_path: Path, httpserver: HTTPServer
) -> Iterator[Plant]:
    """A worker that is online, and traced."""
    collect(httpserver)
    endpoint = httpserver.url_for("").rstrip("/")
    one = Plant(new_house(), tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    try:
        yield one
    finally:
        if one.worker.process.poll() is None:
            kill_family(one.worker.process.pid)
        one.worker.process.wait()


@pytest.mark.slow
def test_a_worker_serves_runs_survives_its_engine_and_ends_cleanly(
    plant: Plant, httpserver: HTTPServer
) -> None:
    """Runs share an engine; one that is killed costs a try; SIGTERM lets runs at hand finish."""
    worker = plant.worker
    runs = [plant.ask(seed=1), plant.ask(seed=2)]
    states = [plant.ended(run, seconds=240).state for run in runs]
    assert [state.is_completed() for state in states if state] == [True, True]
    assert len(plant.house.outputs) == 2
    assert worker.said().count("first_pass done") == 2
    found = samples(worker.metrics_port)
    assert found["ltx_videos_total"] == 2
    assert found["ltx_engine_ready gpu=cpu"] == found["ltx_server_up"] == 1
    assert found["ltx_engine_jobs_total gpu=cpu outcome=done stage=first_pass"] == 2
    assert found["ltx_gpu_seconds_total gpu=cpu stage=first_pass"] > 0
    assert found[f"ltx_queue_runs pool={plant.pool} queue=default"] == 0
    (mine,) = workers_here(plant.pool)
    assert (mine.pid, mine.pairs[0].engine) == (worker.process.pid, "ready")
    logged = [json.loads(line) for line in worker.said().splitlines()]
    (engine,) = [one for one in examine_pool(plant.pool) if one.name == "pool engine"]
    assert (engine.state, "is ready" in engine.detail) == ("ok", True)
    stages = {line.get("stage") for line in logged if line.get("flow_run") == str(runs[0].id)}
    assert stages >= {"first_pass", "second_pass", "decode"}

    steps = {"first_pass_number_of_steps": 20, "number_of_frames": 65}
    hurt = plant.ask(seed=3, **steps)
    worker.wait_for("encode_prompt done", count=1, seconds=240)
    time.sleep(3)
    worker.engine().kill()
    worker.wait_for("1 restarts", seconds=240)
    state = plant.ended(hurt, seconds=240).state
    assert samples(worker.metrics_port)["ltx_engine_restarts_total gpu=cpu"] == 1
    assert state is not None
    assert state.is_completed(), worker.said()

    last = plant.ask(seed=4, **steps)
    worker.wait_for("worker online, 1 runs", count=2, seconds=240)
    time.sleep(5)
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(240) == 0, worker.said()
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(last.id).state
    assert state is not None
    assert state.is_completed() or state.is_scheduled(), state
    assert "ended" in worker.said()
    traced_through(httpserver, runs[0])


def traced_through(collector: HTTPServer, run: FlowRun) -> None:
    """Assert that a run was one trace, from the flow by its stage to the engine's work."""
    spans = sent(collector)
    by_id = {span.id: span for span in spans}
    (work,) = [
        span
        for span in spans
        if span.name == "engine first_pass" and span.attributes["ltx.flow_run"] == str(run.id)
    ]
    chain = [work]
    while chain[-1].parent in by_id:
        chain.append(by_id[chain[-1].parent])
    flow = chain[-1]
    assert (flow.service, flow.name) == ("ltx-flow", "generate-video")
    assert ("ltx-flow", "first_pass") in [(span.service, span.name) for span in chain]
    assert work.service == "ltx-engine"
    assert {span.trace for span in chain} == {work.trace}
    assert work.attributes["ltx.outcome"] == "done"
    assert flow.attributes["ltx.flow_run"] == str(run.id)


def test_a_worker_needs_a_server_and_gpus_that_are_there() -> None:
    """Without an address, or with a GPU that is not there, it is one clear error."""
    bare = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    for options, environment, said in (
        ([], bare, "a worker needs a Prefect server"),
        (["--gpus", "x"], {**bare, "PREFECT_API_URL": "http://127.0.0.1:9/api"}, "cannot be"),
    ):
        done = subprocess.run(
            [str(BIN / "ltx"), "worker", *options],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            timeout=120,
        )
        assert done.returncode == 1
        assert said in done.stderr
