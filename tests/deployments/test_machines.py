"""Two machines, one server on Postgres and Redis, one bucket: the topology of compose.yaml."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from blocks.media_store import MediaStore
from blocks.run_notes import noted_run
from tests.deployments.worker.evidence import jobs, state_of
from tests.deployments.worker.plant import (
    BIN,
    LONG,
    Plant,
    Server,
    Worker,
    kill_family,
    wait_until,
)
from tests.deployments.worker.test_faults import house_around
from tests.ports import free_port
from tests.postgres import Postgres, serving_postgres
from tests.programs import program
from tests.s3_server import S3Server


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A database server that tests may kill and start again."""
    with serving_postgres(tmp_path_factory.mktemp("pg")) as one:
        yield one


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis server of its own."""
    port = free_port()
    process = subprocess.Popen(
        [program("redis-server"), *["--port", str(port), "--bind", "127.0.0.1"]],
        cwd=tmp_path_factory.mktemp("redis"),
        stdout=subprocess.DEVNULL,
    )
    yield f"redis://127.0.0.1:{port}"
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def server(
    postgres: Postgres, redis: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """An API server without services, and its services in a process of their own."""
    folder = tmp_path_factory.mktemp("server")
    together = {
        "PREFECT_SERVER_EVENTS_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_MESSAGING_CACHE": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_SERVER_WORKER_CHANNEL_CLEANUP_QUEUE_STORAGE": "prefect_redis.cleanup_queue",
        "PREFECT_REDIS_MESSAGING_URL": f"{redis}/0",
        "PREFECT_REDIS_WORKER_CLEANUP_QUEUE_URL": f"{redis}/0",
        "PREFECT_SERVER_DOCKET_URL": f"{redis}/1",
    }
    one = Server(folder, postgres.address, "--no-services", **together)
    one.start()
    services = subprocess.Popen(
        [str(BIN / "prefect"), "server", "services", "start"],
        env={**os.environ, **one.environment, "PREFECT_HOME": str(folder / "services")},
        stdout=(folder / "services.log").open("w"),
        stderr=subprocess.STDOUT,
    )
    with temporary_settings({PREFECT_API_URL: one.url}):
        yield one
    kill_family(services.pid)
    services.wait()
    one.kill()


@pytest.fixture(scope="module")
def store(server: Server, s3_server: S3Server) -> MediaStore:
    """The bucket, as the fleet is set up with it."""
    given = {"LTX_STORE_ROOT": "s3://machines/ltx", "LTX_STORE_ENDPOINT": s3_server.endpoint}
    keys = {"LTX_STORE_KEY": s3_server.key, "LTX_STORE_SECRET": s3_server.secret}
    for _ in range(2):  # as at every start
        subprocess.run(
            [sys.executable, "-m", "deployments.set_up"],
            env={**os.environ, **given, **keys, "PREFECT_API_URL": server.url},
            check=True,
            timeout=180,
            stdout=subprocess.DEVNULL,
        )
    return MediaStore.load("default")


@pytest.fixture(scope="module")
def plant(store: MediaStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """The first machine."""
    folder = tmp_path_factory.mktemp("plant")
    one = Plant(house_around(store), folder, **machine(folder, "first"))
    yield one
    one.worker.kill()


@pytest.mark.slow
def test_two_machines_share_the_work_and_what_they_made(
    plant: Plant, store: MediaStore, tmp_path: Path
) -> None:
    """Both take runs; what both need is made once; a video of either opens from the bucket."""
    second = Worker(plant.pool, tmp_path, **machine(tmp_path, "second"))
    try:
        runs = [plant.ask(seed=seed) for seed in range(1, 5)]
        ended = [plant.ended(run, seconds=240) for run in runs]
        assert [run.state.name for run in ended if run.state] == ["Completed"] * len(runs)
        by_machine = [worker.said().count("decode done") for worker in (plant.worker, second)]
        assert sum(by_machine) == len(runs)
        assert min(by_machine) > 0, by_machine
        prompts = [worker.said().count("encode_prompt done") for worker in (plant.worker, second)]
        assert sum(prompts) == 1
        notes = [noted_run(str(run.id), store) for run in runs]
        assert len({note.result.video.file_name for note in notes if note}) == len(runs)
        with get_client(sync_client=True) as client:
            assert {pool.name for pool in client.read_work_pools()} >= {"gpu", "cpu"}
    finally:
        second.kill()


@pytest.mark.slow
def test_runs_outlive_the_database(plant: Plant, store: MediaStore, postgres: Postgres) -> None:
    """A Postgres that is killed in a pass and away for a while costs the run nothing."""
    run = plant.ask(seed=11, **LONG)
    plant.worker.meet(run)
    postgres.kill()
    wait_until(lambda: jobs(plant, run, "decode") == 1, seconds=60, what=plant.worker.said)
    time.sleep(5)
    postgres.start()
    assert state_of(plant.ended(run)).is_completed(), plant.worker.said()
    assert noted_run(str(run.id), store) is not None
    for stage in ("first_pass", "second_pass", "decode"):
        assert jobs(plant, run, stage) == 1
    assert state_of(plant.ended(plant.ask(seed=12))).is_completed()


def machine(folder: Path, name: str) -> dict[str, str]:
    """Return what makes a worker one of another machine: a home and scratch of its own."""
    places = {"HOME": folder / name, "TMPDIR": folder / name / "tmp"}
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    return {key: str(place) for key, place in places.items()}
