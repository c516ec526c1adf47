"""Runs that need the same stages at the same time, in processes of their own."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from blocks.content_credentials import ContentCredentials
from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from blocks.safety_checker import SafetyChecker
from blocks.saved import saved
from ltxv.engine_options import EngineOptions
from tests.flows.conftest import House
from tests.flows.elsewhere import elsewhere
from tests.stores import Kept, in_folder

TERM = 3
WITHOUT_MEDIA = (
    "screen_prompt",
    "encode_prompt",
    "first_pass",
    "second_pass",
    "decode",
    "screen_frames",
    "write_video",
    "upload",
)


@dataclass(frozen=True)
class Place:
    """A house, and its store seen past it."""

    house: House
    kept: Kept

    def files(self, folder: str) -> set[str]:
        """Return the names of what is in a folder of the store."""
        keys = self.kept.keys()
        return {key for key in keys if key.startswith(f"{folder}/")}


def place_around(kept: Kept, **settings: Any) -> Place:
    """Save blocks around a store."""
    name = f"once-{uuid.uuid4().hex[:8]}"
    store: MediaStore = kept.store.model_copy(update=settings)
    LTXModel(checkpoint="tiny", device="cpu", options=EngineOptions(threads=1)).save(name)
    store.save(name)
    SafetyChecker(refuse_at=0.99).save(name)
    saved(ContentCredentials, "default")  # whose identity is made at its first use
    return Place(House(model=name, store=name, safety=name, root=Path(store.root)), kept)


BOTH_STORES = pytest.mark.parametrize(
    "kept", ["folder", pytest.param("bucket", marks=pytest.mark.slow)], indirect=True
)


@BOTH_STORES
def test_four_processes_run_each_stage_once(prefect_server: None, kept: Kept) -> None:
    """Four equal requests at once: every stage ran in one of them and was cached in the others."""
    place = place_around(kept)
    with ExitStack() as stack:
        runs = [stack.enter_context(elsewhere(place.house)) for _ in range(4)]
        for run in runs:
            run.go()
        results = [run.result() for run in runs]
    ran = Counter(
        record.name for result in results for record in result.stages if record.state == "ran"
    )
    assert ran == dict.fromkeys(WITHOUT_MEDIA, 1)
    assert len({result.video.file_name for result in results}) == 1
    assert place.files("leases") == set()


@pytest.mark.slow
@pytest.mark.parametrize("kept", ["folder", "bucket"], indirect=True)
def test_a_killed_run_frees_its_stage(prefect_server: None, kept: Kept, tmp_path: Path) -> None:
    """Who waits for a run that SIGKILL ended in a pass makes the same latents soon after."""
    place = place_around(kept, lease_seconds=TERM)
    with elsewhere(place.house) as first, elsewhere(place.house) as second:
        first.go()
        while not place.files("leases/first_pass"):
            time.sleep(0.01)
        first.kill()
        assert place.files("results/first_pass") == set()
        assert place.files("leases/first_pass") != set()
        second.go()
        result = second.result()
    states = {record.name: (record.state, record.seconds) for record in result.stages}
    assert states["encode_prompt"][0] == "cached"
    assert states["first_pass"][0] == "ran"
    assert TERM - 1 < states["first_pass"][1] < 2 * TERM + 20
    assert place.files("leases") == set()
    assert place.files("latents") == undisturbed(tmp_path / "undisturbed")


def undisturbed(folder: Path) -> set[str]:
    """Return the names, made of their digests, of the latents of a run that nobody disturbs."""
    alone = place_around(in_folder(folder))
    alone.house.make()
    return alone.files("latents")
