"""The store as the result storage of real flow runs on a real Prefect server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
import s3fs
from prefect import flow, task
from prefect.cache_policies import INPUTS, TASK_SOURCE
from prefect.states import State

from blocks.internet import FetchLimits
from blocks.media_store import MediaStore
from ltxv.refs import LatentRef, Ref

RECORD = "the-key"
KEY = f"results/{RECORD}"


class Server(Protocol):
    endpoint: str
    key: str
    secret: str


pytestmark = pytest.mark.usefixtures("prefect_server")


class Stage:
    """A cached task that keeps a payload and returns refs to it, and counts its runs."""

    def __init__(self, store: MediaStore, wrap: Callable[[Ref], Any] = lambda ref: ref) -> None:
        self.runs = 0

        @task(
            result_storage=store,
            result_serializer="json",
            cache_policy=None,
            cache_key_fn=lambda *_: RECORD,
        )
        def make() -> Any:
            self.runs += 1
            ref = store.put(b"latents", folder="latents", suffix=".safetensors")
            return wrap(ref)

        @flow
        def generate() -> State[Any]:
            return make(return_state=True)

        self._flow = generate

    def run(self) -> State[Any]:
        """Run the task in a flow run of its own."""
        state = self._flow()
        assert state.is_completed()
        return state


def latents(ref: Ref) -> LatentRef:
    return LatentRef(**ref.model_dump(), shape=(1, 128, 2, 3, 4))


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    """A store in a folder, saved on the server as the result storage of tasks has to be."""
    store = MediaStore(root=str(tmp_path / "store"))
    store.save("tests", overwrite=True)
    return store


def payload(store: MediaStore) -> Path:
    (path,) = Path(store.root, "latents").rglob("*.safetensors")
    return path


@pytest.mark.parametrize(
    "wrap", [latents, lambda ref: {"passes": [latents(ref)], "seed": 1}], ids=["ref", "nested"]
)
def test_a_result_is_used_while_its_payload_is_whole(
    store: MediaStore, wrap: Callable[[Ref], Any]
) -> None:
    """A second run is Cached; without its payload, or with a flipped byte, the task runs anew."""
    stage = Stage(store, wrap)
    made = stage.run()
    assert made.name == "Completed"
    again = stage.run()
    assert (again.name, stage.runs) == ("Cached", 1)
    assert again.result() == made.result()
    payload(store).unlink()
    assert (stage.run().name, stage.runs) == ("Completed", 2)
    payload(store).write_bytes(b"Latents")
    assert (stage.run().name, stage.runs) == ("Completed", 3)
    assert payload(store).read_bytes() == b"latents"
    assert (stage.run().name, stage.runs) == ("Cached", 3)


def test_a_bucket_keeps_results_as_well(s3_server: Server) -> None:
    """With S3 as the result storage the second run is Cached, and runs anew without its payload."""
    keys = {"key": s3_server.key, "secret": s3_server.secret}
    files = s3fs.S3FileSystem(endpoint_url=s3_server.endpoint, use_listings_cache=False, **keys)
    files.mkdir("results-of-tests")
    store = MediaStore(root="s3://results-of-tests", endpoint_url=s3_server.endpoint, **keys)
    store.save("bucket", overwrite=True)
    stage = Stage(MediaStore.load("bucket"), latents)
    made = stage.run()
    assert stage.run().name == "Cached"
    files.rm_file(f"results-of-tests/{made.result().path}")
    assert (stage.run().name, stage.runs) == ("Completed", 2)


def test_a_cut_record_runs_its_task_again(store: MediaStore) -> None:
    """A run that finds half a record does not fail, and puts a whole one in its place."""
    stage = Stage(store, latents)
    made = stage.run()
    record = Path(store.root, KEY)
    record.write_bytes(record.read_bytes()[:-9])
    again = stage.run()
    assert (again.name, stage.runs) == ("Completed", 2)
    assert again.result() == made.result()
    assert stage.run().name == "Cached"


def test_a_result_that_is_not_json_is_not_kept(store: MediaStore) -> None:
    """A pickled result is refused with the remedy, and the run that made it still completes."""
    runs = []

    @task(result_storage=store, cache_policy=INPUTS + TASK_SOURCE, result_serializer="pickle")
    def make(number: int) -> int:
        runs.append(number)
        return number

    @flow
    def count() -> State[int]:
        return make(1, return_state=True)

    assert [count().name, count().name] == ["Completed", "Completed"]
    assert runs == [1, 1]
    assert not Path(store.root, "results").exists()


async def in_async_flow(store: MediaStore) -> tuple[str, str]:
    @task(result_storage=store, result_serializer="json", cache_key_fn=lambda *_: RECORD)
    async def make() -> LatentRef:
        return latents(store.put(b"latents", folder="latents", suffix=".safetensors"))

    @flow
    async def generate() -> tuple[str, str]:
        first = await make(return_state=True)
        payload(store).unlink()
        return first.name, (await make(return_state=True)).name

    return await generate()


def test_async_flows_see_the_same(store: MediaStore) -> None:
    """The check also holds for async tasks, and within one run with Prefect's cache in memory."""
    assert asyncio.run(in_async_flow(store)) == ("Completed", "Completed")
    assert payload(store).exists()


def test_the_server_gives_back_the_block_that_was_saved() -> None:
    """Every setting survives being saved, the secret and the limits too."""
    store = MediaStore(
        root="s3://bucket/prefix",
        endpoint_url="https://s3.example.org",
        region="eu-central-1",
        key="the-key-id",
        secret="the-secret",
        public_base_url="https://cdn.example.org",
        presign_seconds=60,
        limits=FetchLimits(max_bytes=7, trusted_hosts=("media.internal",)),
    )
    store.save("everything", overwrite=True)
    loaded = MediaStore.load("everything")
    assert loaded.model_dump() == store.model_dump()
    assert loaded.secret is not None
    assert loaded.secret.get_secret_value() == "the-secret"
