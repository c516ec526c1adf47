"""The flow that keeps a store small."""

from __future__ import annotations

import os
import time
from pathlib import Path

from prefect import flow, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.states import Completed

from blocks.run_notes import noted_run
from flows.upkeep import upkeep
from ltxv.errors import Transient
from tests.flows.conftest import House


def set_back(root: Path, days: int) -> None:
    """Let every file be older."""
    for path in root.rglob("*"):
        if path.is_file():
            moment = time.time() - days * 24 * 3600
            os.utime(path, (moment, moment))


def test_a_store_ends_with_its_clips_alone(house: House) -> None:
    """Old outcomes go in two runs, the clip stays, and the next request makes all of them anew."""
    result = house.make()
    set_back(house.root, 100)
    first = upkeep(store=house.store)
    assert first.records > 0
    assert first.payloads == 0
    set_back(house.root, 100)
    second = upkeep(store=house.store)
    assert second.payloads > 0
    left = {path.relative_to(house.root) for path in house.root.rglob("*") if path.is_file()}
    assert Path("outputs", result.video.file_name) in left
    assert {path.parts[0] for path in left} == {"outputs"}
    assert {record.state for record in house.make().stages} == {"ran", "skipped"}


def test_a_note_stays_for_the_batch_that_can_be_gone_on_with(house: House) -> None:
    """What a finished run made is known until the run it was made for is finished, too."""

    @flow
    def batch() -> None:
        house.make()
        raise Transient("the store was away")

    state = batch(return_state=True)
    (note,) = (house.root / "runs").iterdir()
    set_back(house.root, 100)
    assert upkeep(store=house.store).notes == 0
    assert noted_run(note.stem, house.equipment.store)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(state.state_details.flow_run_id, Completed(), force=True)
    set_back(house.root, 100)
    assert upkeep(store=house.store).notes == 1
    assert noted_run(note.stem, house.equipment.store) is None


def test_the_run_says_what_it_freed(house: House) -> None:
    """A page in the UI has the numbers."""
    upkeep(store=house.store, dry_run=True)
    with get_client(sync_client=True) as client:
        pages = client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=["upkeep"]))
        )
    assert any("Would free 0.0 MB" in str(page.data) for page in pages)
