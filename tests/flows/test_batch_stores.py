"""Batches whose manifest and results are in a bucket, and whose rows run elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import s3fs
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

from blocks.media_store import MediaStore
from tests.flows.batches import BAD, lines_of, row, run, run_as_a_worker, video_runs, write
from tests.flows.conftest import SAMPLES, House
from tests.flows.test_stores import house_around
from tests.s3_server import S3Server

SERVES = """
import sys
from flows.generate import generate_video
if __name__ == "__main__":
    generate_video.serve(name=sys.argv[1], limit=2)
"""
START_SECONDS = 120


@pytest.fixture
def bucket(prefect_server: None, s3_server: S3Server) -> tuple[House, s3fs.S3FileSystem]:
    """A house whose store is a bucket of its own, which may use another, and the way to both."""
    files = s3fs.S3FileSystem(
        endpoint_url=s3_server.endpoint, key=s3_server.key, secret=s3_server.secret
    )
    name = f"batch-{uuid.uuid4().hex[:8]}"
    files.mkdir(name)
    files.mkdir(f"{name}-in")
    store = MediaStore.model_validate(
        {
            "root": f"s3://{name}/ltx",
            "endpoint_url": s3_server.endpoint,
            "region": "us-east-1",
            "key": s3_server.key,
            "secret": s3_server.secret,
            "places": [f"s3://{name}-in/batches"],
        }
    )
    return house_around(store), files


def test_a_bucket_has_manifest_media_and_results(
    bucket: tuple[House, s3fs.S3FileSystem],
) -> None:
    """A place of the operator's is read and written with the store's key; again nothing is made."""
    house, files = bucket
    place = f"{house.root}".replace("s3:/", "").strip("/").removesuffix("/ltx") + "-in/batches"
    item = row("a", images=[{"image_url": "media/cat.jpg"}])
    files.pipe_file(f"{place}/night.csv", _table(item, row("b"), BAD).encode())
    files.put_file(str(SAMPLES / "cat.jpg"), f"{place}/media/cat.jpg")
    manifest = f"s3://{place}/night.csv"
    first = run_as_a_worker(house, manifest, output=f"s3://{place}/out/night.jsonl")
    again = run_as_a_worker(house, manifest, output=f"s3://{place}/out/night.jsonl")
    assert (first.made, first.kept, first.failed) == (2, 0, 1)
    assert (again.made, again.kept, again.failed) == (0, 2, 1)
    lines = [json.loads(line) for line in files.cat_file(f"{place}/out/night.jsonl").splitlines()]
    assert [line["state"] for line in lines] == ["done", "done", "failed"]
    for line in lines[:2]:
        assert files.info(line["stored"])["size"] == line["video"]["file_size"]
        assert line["video"]["url"].startswith("http")


def test_results_go_to_the_bucket_unless_told_otherwise(
    bucket: tuple[House, s3fs.S3FileSystem],
) -> None:
    """Without an output, results are among the store's; a file of it may be a manifest."""
    house, files = bucket
    store = MediaStore.load(house.store)
    files.pipe_file(f"{store.root}/outputs/in/m.jsonl", json.dumps(row("a")).encode())
    result = run_as_a_worker(house, f"{store.root}/outputs/in/m.jsonl")
    assert result.results.startswith(f"{store.root}/outputs/batches/m-")
    assert json.loads(files.cat_file(result.results))["state"] == "done"


def test_any_address_that_fsspec_opens_can_be_a_place(house: House) -> None:
    """Other schemes go through fsspec, in the operator's places alone."""
    import fsspec  # noqa: PLC0415

    memory = fsspec.filesystem("memory")
    memory.pipe_file("/nights/m.jsonl", json.dumps(row("a")).encode())
    result = run(house, "memory://nights/m.jsonl", output="memory://nights/out")
    assert json.loads(memory.cat_file("/nights/out/results.jsonl"))["state"] == "done"
    again = run(house, "memory://nights/m.jsonl", output="memory://nights/out")
    assert (result.made, again.kept) == (1, 1)


@pytest.fixture
def deployment(prefect_server: None, tmp_path: Path) -> Iterator[str]:
    """A deployment of generate-video with a real process that runs its runs."""
    script = tmp_path / "serves.py"
    script.write_text(SERVES)
    name = f"test-{uuid.uuid4().hex[:8]}"
    environment = {**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value())}
    environment |= {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
    }
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, str(script), name], env=environment, stdout=log, stderr=log
        )
    try:
        _wait_for(f"generate-video/{name}")
        yield f"generate-video/{name}"
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.slow
def test_rows_run_wherever_a_deployment_runs(house: House, tmp_path: Path, deployment: str) -> None:
    """Each row is a flow run of the deployment, made once for the same row, and reported alike."""
    bad = row("later", images=[{"image_url": "https://unreachable.invalid/a.jpg"}])
    manifest = write(tmp_path / "m.jsonl", row("a"), row("b"), bad)
    options = {"deployment": deployment, "concurrency": 3}
    first = run(house, manifest, output=str(tmp_path / "one"), **options)
    assert (first.made, first.failed) == (2, 1)
    assert "images.0.image_url" in first.failures[0].problem
    made = lines_of(first.results)
    assert made[0]["video"]["file_name"] in house.outputs
    (tmp_path / "one" / "results.rows" / _only(tmp_path / "one" / "results.rows", "a")).unlink()
    runs = len(video_runs(house))
    again = run(house, manifest, output=str(tmp_path / "one"), **options)
    assert (again.made, again.kept, again.failed) == (1, 1, 1)
    assert lines_of(again.results)[0]["run"] == made[0]["run"]
    assert len(video_runs(house)) == runs + 1  # the failed one's


def _only(folder: Path, row: str) -> str:
    (found,) = (file.name for file in folder.iterdir() if file.name.startswith(f"{row}."))
    return found


def _table(*rows: dict[str, object]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [
        ",".join('"{}"'.format(_cell(row.get(name)).replace('"', '""')) for name in columns)
        for row in rows
    ]
    return "\r\n".join([",".join(columns), *cells])


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _wait_for(deployment: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    with get_client(sync_client=True) as client:
        while time.monotonic() < deadline:
            try:
                client.read_deployment_by_name(deployment)
            except ObjectNotFound:
                time.sleep(0.2)
            else:
                return
    raise RuntimeError("the deployment was not served")
