"""The flow over other stores than a folder that works."""

from __future__ import annotations

import uuid
from pathlib import Path

import httpx
import pytest
import s3fs

from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from blocks.safety_checker import SafetyChecker
from deployments.drafts import drafts_of
from deployments.flow_runs import resume_with
from flows.sweep import sweep_settings
from ltxv.engine_options import EngineOptions
from ltxv.errors import Misconfigured
from ltxv.result import StageRecord
from tasks.ledger import watched_by
from tests.flows.conftest import House, small_request
from tests.flows.test_draft import Counting, drafted
from tests.s3_server import S3Server
from tests.stores import in_bucket


def house_around(store: MediaStore) -> House:
    """Save blocks around a store."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    LTXModel(checkpoint="tiny", device="cpu", options=EngineOptions(threads=1)).save(name)
    store.save(name)
    SafetyChecker(refuse_at=0.99).save(name)
    return House(model=name, store=name, safety=name, root=Path(store.root))


def test_a_bucket_keeps_everything(prefect_server: None, s3_server: S3Server) -> None:
    """The result's address opens without credentials; a second run takes all from the bucket."""
    bucket = f"videos-{uuid.uuid4().hex[:8]}"
    s3fs.S3FileSystem(
        endpoint_url=s3_server.endpoint, key=s3_server.key, secret=s3_server.secret
    ).mkdir(bucket)
    house = house_around(
        MediaStore.model_validate(
            {
                "root": f"s3://{bucket}/ltx",
                "endpoint_url": s3_server.endpoint,
                "region": "us-east-1",
                "key": s3_server.key,
                "secret": s3_server.secret,
            }
        )
    )
    first, second = house.make(), house.make()
    answer = httpx.get(first.video.url)
    assert answer.headers["content-type"] == "video/mp4"
    assert len(answer.content) == first.video.file_size
    assert {record.state for record in second.stages} == {"cached", "skipped"}
    assert httpx.get(second.video.url).content == answer.content
    assert s3_server.secret not in first.model_dump_json()


@pytest.mark.slow
def test_drafts_and_sweeps_live_in_a_bucket(prefect_server: None, s3_server: S3Server) -> None:
    """Drafts are refined from latents in it, a sweep's cells share its stages, all opens by URL."""
    house = house_around(in_bucket(s3_server).store)
    run, _ = drafted(house, drafts=2)
    (line, _) = drafts_of(run.id)
    assert httpx.get(str(line.preview)).headers["content-type"] == "video/mp4"
    refining = Counting()
    with watched_by(refining):
        (refined,) = resume_with(run, {"drafts": [2]})
    assert refining.ran["second_pass"] == 1
    assert "first_pass" not in refining.ran
    assert len(httpx.get(refined.video.url).content) == refined.video.file_size

    sweeping = Counting()
    with watched_by(sweeping):
        swept = sweep_settings(
            small_request(seed=8),
            {"second_pass_skip_initial_steps": [2, 3], "reverse_video": [False, True]},
            model=house.model,
            store=house.store,
            safety=house.safety,
        )
    assert sweeping.ran["second_pass"] == 1  # the other one is that of the refined draft
    assert "first_pass" not in sweeping.ran
    assert len(swept.cells) == 4
    for file in (
        swept.sheet,
        swept.table,
        *(cell.result.video for cell in swept.cells if cell.result),
    ):
        assert file is not None
        assert len(httpx.get(file.url).content) == file.file_size


def test_a_store_that_vanishes_halfway_loses_nothing_that_was_finished(house: House) -> None:
    """The run ends with one clear error; once the store is back only the rest is made."""
    away = house.root.with_name("away")

    class Thief(Counting):
        def ended(self, record: StageRecord) -> None:
            if record.name == "first_pass" and not away.exists():
                house.root.rename(away)
                house.root.write_text("in the way")

    with watched_by(Thief()), pytest.raises(Misconfigured, match=house.root.name):
        house.make()
    assert house.root.read_text() == "in the way"
    house.root.unlink()
    away.rename(house.root)
    assert not list(house.root.rglob("*.part"))
    assert house.outputs == set()
    again = {record.name: record.state for record in house.make().stages}
    assert (again["first_pass"], again["second_pass"]) == ("cached", "ran")


def test_a_store_that_refuses_is_one_clear_error(prefect_server: None, tmp_path: Path) -> None:
    """A root that cannot be a folder ends the run before anything is made."""
    (tmp_path / "file").write_text("in the way")
    house = house_around(MediaStore(root=str(tmp_path / "file" / "store")))
    with pytest.raises(Misconfigured, match=r"file/store|file"):
        house.make()
