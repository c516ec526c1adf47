"""`ltx worker`: a real worker with a real engine takes runs of a pool and survives faults."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest
from prefect import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun
from prefect.deployments.runner import RunnerDeployment
from prefect.settings import PREFECT_API_URL
from prefect.types.entrypoint import EntrypointType
from pytest_httpserver import HTTPServer

from deployments.doctor import examine_pool
from deployments.worker.whereabouts import workers_here
from flows.generate import generate_video
from tests.collector import collect, sent
from tests.deployments.worker.test_metrics import free_port, samples
from tests.flows.conftest import House, new_house, small_request

__all__ = ["new_house"]

LTX = Path(sys.executable).with_name("ltx")


class Running:
    """A worker on a pool of its own, with a deployment of generate_video there."""

    def __init__(self, house: House, folder: Path, **environment: str) -> None:
        self.house = house
        self.pool = f"gpu-{uuid.uuid4().hex[:8]}"
        with get_client(sync_client=True) as client:
            client.create_work_pool(WorkPoolCreate(name=self.pool, type="process"))
        self.log = folder / "worker.log"
        self.metrics_port = free_port()
        self.process = subprocess.Popen(
            [
                *[str(LTX), "worker", "--pool", self.pool, "--model", "tiny"],
                *["--concurrency", "2", "--metrics-port", str(self.metrics_port)],
            ],
            stderr=self.log.open("w"),
            env={
                **os.environ,
                "PREFECT_API_URL": str(PREFECT_API_URL.value()),
                "PREFECT_WORKER_QUERY_SECONDS": "1",
                "LTX_LOG_FORMAT": "json",
                "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO",  # not what the suite has
                "OMP_NUM_THREADS": "1",
                **environment,
            },
        )
        self.wait_for("worker online")
        applied: Any = RunnerDeployment.from_flow(
            generate_video,
            name=self.pool,
            work_pool_name=self.pool,
            entrypoint_type=EntrypointType.MODULE_PATH,
        ).apply()
        self.deployment: UUID = applied

    def said(self) -> str:
        """Return what it has written so far."""
        return self.log.read_text()

    def wait_for(self, words: str, *, count: int = 1, seconds: float = 240) -> None:
        """Wait until it has said something ``count`` times."""
        until = time.monotonic() + seconds
        while self.said().count(words) < count:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < until, self.said()
            time.sleep(0.2)

    def ask(self, **fields: Any) -> FlowRun:
        """Give a run to the pool."""
        request = small_request(**fields).model_dump(mode="json")
        blocks = {"model": self.house.model, "store": self.house.store, "safety": self.house.safety}
        with get_client(sync_client=True) as client:
            return client.create_flow_run_from_deployment(
                self.deployment, parameters={"request": request, **blocks}
            )

    def engine(self) -> psutil.Process:
        """Return the engine's process."""
        (engine,) = [
            child
            for child in psutil.Process(self.process.pid).children()
            if "engine" in child.cmdline()
        ]
        return engine


def ended(run: FlowRun, *, seconds: float = 240) -> FlowRun:
    """Wait until a run is over."""
    until = time.monotonic() + seconds
    with get_client(sync_client=True) as client:
        while True:
            run = client.read_flow_run(run.id)
            if run.state is not None and run.state.is_final():
                return run
            assert time.monotonic() < until, run.state
            time.sleep(0.5)


@pytest.fixture
def running(
    new_house: Callable[..., House], tmp_path: Path, httpserver: HTTPServer
) -> Iterator[Running]:
    """A worker that is online, and traced."""
    collect(httpserver)
    endpoint = httpserver.url_for("").rstrip("/")
    one = Running(new_house(), tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            left = psutil.Process(one.process.pid).children(recursive=True)
            one.process.kill()
            for child in left:
                child.kill()
        one.process.wait()


@pytest.mark.slow
def test_a_worker_serves_runs_survives_its_engine_and_ends_cleanly(
    running: Running, httpserver: HTTPServer
) -> None:
    """Runs share an engine; one that is killed costs a try; SIGTERM lets runs at hand finish."""
    runs = [running.ask(seed=1), running.ask(seed=2)]
    states = [ended(run).state for run in runs]
    assert [state.is_completed() for state in states if state] == [True, True]
    assert len(running.house.outputs) == 2
    assert running.said().count("first_pass done") == 2
    found = samples(running.metrics_port)
    assert found["ltx_videos_total"] == 2
    assert found["ltx_engine_ready gpu=cpu"] == found["ltx_server_up"] == 1
    assert found["ltx_engine_jobs_total gpu=cpu outcome=done stage=first_pass"] == 2
    assert found["ltx_gpu_seconds_total gpu=cpu stage=first_pass"] > 0
    assert found[f"ltx_queue_runs pool={running.pool} queue=default"] == 0
    (mine,) = workers_here(running.pool)
    assert (mine.pid, mine.pairs[0].engine) == (running.process.pid, "ready")
    logged = [json.loads(line) for line in running.said().splitlines()]
    (engine,) = [one for one in examine_pool(running.pool) if one.name == "pool engine"]
    assert (engine.state, "is ready" in engine.detail) == ("ok", True)
    stages = {line.get("stage") for line in logged if line.get("flow_run") == str(runs[0].id)}
    assert stages >= {"first_pass", "second_pass", "decode"}

    steps = {"first_pass_number_of_steps": 20, "number_of_frames": 65}
    hurt = running.ask(seed=3, **steps)
    running.wait_for("encode_prompt done", count=1)
    time.sleep(3)
    running.engine().kill()
    running.wait_for("1 restarts")
    state = ended(hurt).state
    assert samples(running.metrics_port)["ltx_engine_restarts_total gpu=cpu"] == 1
    assert state is not None
    assert state.is_completed(), running.said()

    last = running.ask(seed=4, **steps)
    running.wait_for("worker online, 1 runs", count=2)
    time.sleep(5)
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(240) == 0, running.said()
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(last.id).state
    assert state is not None
    assert state.is_completed() or state.is_scheduled(), state
    assert "ended" in running.said()
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
            [str(LTX), "worker", *options],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            timeout=120,
        )
        assert done.returncode == 1
        assert said in done.stderr
