"""Processes that are killed while a video is made: nothing hangs, is lost or is made twice."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import s3fs
from prefect import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling, Crashed

from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from blocks.media_store.keys import LEASES, OUTPUTS
from blocks.run_notes import noted_run
from blocks.safety_checker import SafetyChecker
from deployments.restart_crashed import restart_crashed
from ltxv.engine_options import EngineOptions
from tests.deployments.worker.plant import LONG, Plant, Server, wait_until
from tests.flows.conftest import House
from tests.ports import free_port
from tests.s3_server import KEY, SECRET, start_s3

pytestmark = pytest.mark.slow

LEASE_SECONDS = 5


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that tests may kill and start again."""
    one = Server(tmp_path_factory.mktemp("server"))
    one.start()
    with temporary_settings({PREFECT_API_URL: one.url}):
        yield one
    one.kill()


@pytest.fixture(scope="module")
def plant(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """A worker on that server, which every test leaves online."""
    folder = tmp_path_factory.mktemp("plant")
    one = Plant(
        house_around(MediaStore(root=str(folder / "store"), lease_seconds=LEASE_SECONDS)), folder
    )
    yield one
    one.worker.kill()


def house_around(store: MediaStore) -> House:
    """Save blocks around a store."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    LTXModel(checkpoint="tiny", device="cpu", options=EngineOptions(threads=1)).save(name)
    store.save(name)
    SafetyChecker(refuse_at=0.99).save(name)
    return House(model=name, store=name, safety=name, root=Path(store.root))


def state_of(run: FlowRun) -> State[Any]:
    """Return the state that a run is in."""
    assert run.state is not None
    return run.state


def intact(plant: Plant, run: FlowRun) -> None:
    """Assert that a run completed, once, and left nothing behind."""
    assert state_of(run).is_completed(), state_of(run).message
    assert all(state_of(task).is_final() for task in plant.tasks(run))  # type: ignore[arg-type]
    note = noted_run(str(run.id), plant.store)
    assert note is not None
    assert (plant.house.root / OUTPUTS / note.result.video.file_name).is_file()
    assert held(plant) == []


def held(plant: Plant) -> list[Path]:
    """Return the locks on stages that somebody has, or had when he was killed."""
    return [file for file in (plant.house.root / LEASES).rglob("*") if file.is_file()]


def ran(plant: Plant, run: FlowRun, stage: str) -> list[str]:
    """Return how often a stage was asked for in a run, and how each time ended."""
    return [
        state_of(task).name or ""  # type: ignore[arg-type]
        for task in plant.tasks(run)
        if task.name.rpartition("-")[0] == stage
    ]


def read(run: FlowRun) -> FlowRun:
    """Return a run as the server has it now."""
    with get_client(sync_client=True) as client:
        return client.read_flow_run(run.id)


def completed(plant: Plant, run: FlowRun, *, seconds: float = 90) -> FlowRun:
    """Wait until a run that was started again completes."""
    wait_until(lambda: state_of(read(run)).is_completed(), seconds=seconds, what=plant.worker.said)
    return read(run)


def test_a_run_that_is_killed_in_a_pass_goes_on_under_its_id(plant: Plant) -> None:
    """It has crashed within seconds; begun again, it makes what was not finished and no more."""
    run = plant.ask(seed=11, **LONG)
    plant.worker.meet(run)
    (process,) = plant.worker.runs()
    process.kill()
    assert state_of(plant.ended(run, seconds=20)).is_crashed()
    restart_crashed(run.id)
    intact(plant, completed(plant, run))
    assert ran(plant, run, "encode_prompt").count("Completed") == 1
    assert ran(plant, run, "first_pass").count("Completed") == 1


def test_a_run_that_is_cancelled_in_a_pass_frees_the_engine(plant: Plant) -> None:
    """It ends within seconds, and leaves no lock."""
    run = plant.ask(seed=12, **LONG)
    plant.worker.meet(run)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, Cancelling())
    assert state_of(plant.ended(run, seconds=40)).is_cancelled()
    assert held(plant) == []


def test_runs_outlive_the_prefect_worker_and_the_server(plant: Plant, server: Server) -> None:
    """A server that is away for a while and a worker that is started again cost the run nothing."""
    run = plant.ask(seed=13, **LONG)
    plant.worker.meet(run)
    plant.worker.prefect().kill()
    server.kill()
    time.sleep(6)
    server.start()
    intact(plant, plant.ended(run))
    assert ran(plant, run, "first_pass") in (["Completed"], [])


def test_a_worker_that_is_killed_leaves_its_runs_to_their_end(plant: Plant) -> None:
    """They complete with the engine that is left, which then ends; another worker takes over."""
    run = plant.ask(seed=15, **LONG)
    plant.worker.meet(run)
    engine, prefect = plant.worker.engine(), plant.worker.prefect()
    plant.worker.process.kill()
    plant.worker.process.wait()
    wait_until(lambda: gone(prefect), seconds=5, what=plant.worker.said)
    intact(plant, plant.ended(run))
    plant.replace_worker()
    plant.left_behind = engine


def test_a_pass_outlives_the_bucket(plant: Plant, tmp_path: Path) -> None:
    """A bucket that is away when a pass is done is waited for; the pass is not made again."""
    port = free_port()
    kept = {"S3_PERSIST": "1", "S3_DATA_DIR": str(tmp_path)}
    server = start_s3(tmp_path, port, **kept)
    given = {"endpoint_url": f"http://127.0.0.1:{port}", "key": KEY, "secret": SECRET}
    s3fs.S3FileSystem(**given, use_listings_cache=False).mkdir("videos")
    store = MediaStore.model_validate(
        {"root": "s3://videos/ltx", "region": "us-east-1", "lease_seconds": LEASE_SECONDS, **given}
    )
    run = plant.ask(seed=18, house=house_around(store), **LONG)
    plant.worker.meet(run)
    server.kill()
    server.wait()
    wait_until(lambda: passes(plant, run) == 1, seconds=60, what=plant.worker.said)
    time.sleep(3)
    server = start_s3(tmp_path, port, **kept)
    try:
        assert state_of(plant.ended(run)).is_completed(), plant.worker.said()
        assert noted_run(str(run.id), store) is not None
    finally:
        server.kill()
    assert passes(plant, run) == 1


def test_a_machine_that_is_gone_loses_one_pass(plant: Plant) -> None:
    """Once its silent run has crashed, another machine begins at the pass that was lost."""
    run = plant.ask(seed=17, **LONG)
    plant.worker.meet(run)
    plant.worker.kill()
    assert state_of(read(run)).is_running()
    with get_client(sync_client=True) as client:  # as the automation does after three minutes
        client.set_flow_run_state(run.id, Crashed(), force=True)
    plant.replace_worker()
    restart_crashed(run.id)
    intact(plant, completed(plant, run))
    assert ran(plant, run, "first_pass").count("Completed") == 1
    earlier = plant.left_behind  # of the worker that was killed, some tests ago
    if earlier is not None:
        wait_until(lambda: gone(earlier), seconds=70, what=plant.worker.said)


def passes(plant: Plant, run: FlowRun) -> int:
    """Count the first passes that the engine did for a run."""
    found = {"flow_run": str(run.id), "stage": "first_pass", "outcome": "done"}
    return sum(found.items() <= line.items() for line in plant.worker.lines())


def gone(process: psutil.Process) -> bool:
    """Say whether a process has ended."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
