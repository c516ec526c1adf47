"""What a store keeps, with small damages: there whole, or as good as not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect.results import ResultStore
from prefect.serializers import JSONSerializer

from blocks.media_store import MediaStore
from ltxv.errors import Transient
from ltxv.refs import MediaRef
from ltxv.safety import Verdict
from tasks.clip import Clip
from tests.fuzz.mutations import mutations

KEY = "finish/0123"


def results(store: MediaStore) -> ResultStore:
    """Return Prefect's own door to the records of a store."""
    return ResultStore(
        result_storage=store, serializer=JSONSerializer(), cache_result_in_memory=False
    )


def finished(store: MediaStore) -> Clip:
    """Keep what a finished clip is made of, and return it."""
    video = store.put(b"a clip", folder="clips", suffix=".mp4")
    return Clip(
        video=MediaRef(
            **video.model_dump(),
            kind="video",
            content_type="video/mp4",
            width=64,
            height=48,
            frames=9,
            frame_rate=24,
        ),
        sheet=store.put(b"a sheet", folder="sheets", suffix=".jpg"),
        verdict=Verdict(refused=False, highest=0.25, frames=(), scores=(0.25,) * 9),
    )


@pytest.mark.parametrize("count", [400, pytest.param(20_000, marks=pytest.mark.slow)])
def test_a_damaged_record_is_a_miss(count: int, tmp_path: Path) -> None:
    """Prefect finds none, whatever became of it, and what it finds is what was kept."""
    store = MediaStore(root=str(tmp_path))
    clip = finished(store)
    results(store).write(clip, key=KEY)
    file = tmp_path / "results" / KEY
    whole = file.read_bytes()
    for damaged in mutations(whole, count=count):
        file.write_bytes(damaged)
        if results(store).exists(KEY):
            assert results(store).read(KEY).result == clip
        else:
            with pytest.raises(Transient):
                store.read_path(KEY)
    file.write_bytes(whole)
    assert results(store).read(KEY).result == clip


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_damaged_payload_is_a_miss(count: int, tmp_path: Path) -> None:
    """A record whose bytes changed is not used, and the bytes are not given out."""
    store = MediaStore(root=str(tmp_path))
    clip = finished(store)
    results(store).write(clip, key=KEY)
    file = tmp_path / clip.sheet.path
    for damaged in mutations(b"a sheet", count=count):
        file.write_bytes(damaged)
        whole = damaged == b"a sheet"
        assert results(store).exists(KEY) is whole
        assert store.holds(clip.sheet) is whole
        if not whole:
            with pytest.raises(Transient):
                store.get(clip.sheet)
    assert store.put(b"a sheet", folder="sheets", suffix=".jpg") == clip.sheet
    assert results(store).exists(KEY)
