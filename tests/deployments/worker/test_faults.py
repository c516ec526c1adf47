"""Processes that are killed while a video is made: nothing hangs, is lost or is made twice."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from urllib.parse import urlsplit

import pytest
import s3fs
from prefect import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling, Crashed
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from blocks.internet import FetchLimits
from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from blocks.run_notes import noted_run
from blocks.safety_checker import SafetyChecker
from deployments.engine.inputs import DIGEST
from deployments.restart_crashed import restart_crashed
from ltxv.engine_options import EngineOptions
from tests.deployments.worker.evidence import (
    completed,
    gone,
    held,
    intact,
    jobs,
    ran,
    read,
    state_of,
)
from tests.deployments.worker.gate import gate
from tests.deployments.worker.plant import LONG, Plant, Server, wait_until
from tests.deployments.worker.small_disk import small_disk
from tests.flows.conftest import House
from tests.ports import free_port
from tests.s3_server import KEY, SECRET, S3Server, start_s3

pytestmark = pytest.mark.slow

LEASE_SECONDS = 5
LONG_SECOND = {
    "number_of_frames": 33,
    "second_pass_number_of_steps": 20,
    "second_pass_skip_initial_steps": 1,
}
"""A second pass of seconds."""


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
    (folder / "tmp").mkdir()
    one = Plant(
        house_around(
            MediaStore(
                root=str(folder / "store"),
                lease_seconds=LEASE_SECONDS,
                limits=FetchLimits(trusted_hosts=("localhost", "127.0.0.1")),
            )
        ),
        folder,
        TMPDIR=str(folder / "tmp"),
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


def scratch(plant: Plant) -> list[Path]:
    """Return the files in scratch folders, but for the inputs that the engine keeps."""
    files = (plant.folder / "tmp").glob("ltx-scratch-*/*")
    return [file for file in files if not DIGEST.fullmatch(file.name)]


def cancel(run: FlowRun) -> None:
    """Ask for the end of a run, as the UI does."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, Cancelling())


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


def test_a_run_that_ends_in_a_download_or_a_pass_leaves_nothing(
    plant: Plant, httpserver: HTTPServer
) -> None:
    """Cancelled, it frees the engine and takes its files along; a killed one's go with the next."""
    stalled: Queue[threading.Event] = Queue()

    def stall(_: Request) -> Response:
        over = threading.Event()
        stalled.put(over)
        over.wait(60)
        return Response(b"")

    httpserver.expect_request("/cat.jpg").respond_with_handler(stall)
    images = [{"image_url": httpserver.url_for("/cat.jpg")}]
    killed = plant.ask(seed=21, images=images)
    over = stalled.get(timeout=60)
    (process,) = plant.worker.runs()
    process.kill()
    assert state_of(plant.ended(killed, seconds=20)).is_crashed()
    over.set()
    assert scratch(plant) != []

    first = plant.ask(seed=12, **LONG)
    fetching = plant.ask(seed=22, images=images)
    plant.worker.meet(first)
    cancel(first)
    over = stalled.get(timeout=60)
    cancel(fetching)
    over.set()
    second = plant.ask(seed=23, **LONG_SECOND)
    for run in (first, fetching):
        assert state_of(plant.ended(run, seconds=40)).is_cancelled()
    plant.worker.meet(second, "second_pass: step 3 of")
    cancel(second)
    assert state_of(plant.ended(second, seconds=40)).is_cancelled()
    for run, stage in ((first, "first_pass"), (second, "second_pass")):
        assert jobs(plant, run, stage, "cancelled") == 1
    assert scratch(plant) == []
    assert held(plant) == []


def test_a_run_that_is_cancelled_in_decode_or_upload_publishes_nothing(
    plant: Plant, s3_server: S3Server
) -> None:
    """Nobody ever gets a clip of a cancelled run, nor half of one."""
    port = urlsplit(s3_server.endpoint).port or 0
    given = {"key": s3_server.key, "secret": s3_server.secret}
    bucket = s3fs.S3FileSystem(**given, endpoint_url=s3_server.endpoint, use_listings_cache=False)
    bucket.mkdir("cancelled")
    with gate(port, before=b"PUT /cancelled/ltx/outputs/") as shut:
        store = MediaStore.model_validate(
            {
                "root": "s3://cancelled/ltx",
                "region": "us-east-1",
                **given,
                "endpoint_url": shut.url,
                "lease_seconds": LEASE_SECONDS,
            }
        )
        decoding = plant.ask(seed=24, number_of_frames=65)
        uploading = plant.ask(seed=25, house=house_around(store))
        wait_until(
            lambda: ran(plant, decoding, "decode") == ["Running"],
            seconds=60,
            what=plant.worker.said,
        )
        cancel(decoding)
        assert shut.reached.wait(60), plant.worker.said()
        cancel(uploading)
        for run in (decoding, uploading):
            assert state_of(plant.ended(run, seconds=40)).is_cancelled()
    assert jobs(plant, decoding, "decode", "cancelled") == 1
    assert noted_run(str(decoding.id), plant.store) is None
    names = bucket.find("cancelled")
    assert any("/clips/" in name for name in names)
    assert [name for name in names if "/outputs/" in name or "/leases/" in name] == []
    assert scratch(plant) == []
    assert held(plant) == []


def test_a_full_disk_is_one_error_and_costs_no_pass(plant: Plant, tmp_path: Path) -> None:
    """It says so and leaves nothing there; the same request with room begins at the file."""
    with small_disk(tmp_path / "disk", kilobytes=16) as disk:
        full = plant.ask(seed=26, seen={"TMPDIR": str(disk)})
        state = state_of(plant.ended(full))
        assert state.is_failed()
        assert "No space left on device; free some space" in (state.message or "")
        assert list(disk.glob("ltx-*")) == []
    assert held(plant) == []
    again = plant.ask(seed=26)
    intact(plant, plant.ended(again))
    assert jobs(plant, again, "second_pass") == 0
    assert ran(plant, full, "finish") == ["Failed"]


def test_runs_outlive_the_prefect_worker_and_a_server_that_is_away_for_a_minute(
    plant: Plant, server: Server
) -> None:
    """Those at hand complete, each stage made once; then others are taken as before."""
    orphan = plant.ask(seed=13, **LONG)
    plant.worker.meet(orphan)
    plant.worker.prefect().kill()
    kept = plant.ask(seed=14, **LONG)
    plant.worker.meet(kept, "first_pass: step 1 of")
    server.kill()
    time.sleep(60)
    server.start()
    waiting = plant.ask(seed=16)
    for run in (orphan, kept, waiting):
        intact(plant, plant.ended(run))
        for stage in ("first_pass", "second_pass", "decode"):
            assert jobs(plant, run, stage) == 1


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
    wait_until(lambda: jobs(plant, run, "first_pass") == 1, seconds=60, what=plant.worker.said)
    time.sleep(3)
    server = start_s3(tmp_path, port, **kept)
    try:
        assert state_of(plant.ended(run)).is_completed(), plant.worker.said()
        assert noted_run(str(run.id), store) is not None
    finally:
        server.kill()
    assert jobs(plant, run, "first_pass") == 1


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
