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
from ltxv.engine_options import EngineOptions
from ltxv.errors import Misconfigured
from tests.flows.conftest import House
from tests.s3_server import S3Server


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


def test_a_store_that_refuses_is_one_clear_error(prefect_server: None, tmp_path: Path) -> None:
    """A root that cannot be a folder ends the run before anything is made."""
    (tmp_path / "file").write_text("in the way")
    house = house_around(MediaStore(root=str(tmp_path / "file" / "store")))
    with pytest.raises(Misconfigured, match=r"file/store|file"):
        house.make()
