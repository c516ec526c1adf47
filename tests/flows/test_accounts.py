"""What a run used of a GPU: in its result, and at the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.sorting import FlowRunSort

from blocks.ltx_model import LTXModel
from flows.accounts import COST, GPU_SECONDS, VIDEOS
from flows.sweep import sweep_settings
from tests.flows.conftest import House, small_request

GPU_STAGES = {"encode_prompt", "first_pass", "second_pass", "decode"}


def priced(house: House, *, hour: float) -> None:
    """Give the house's device a price."""
    model = LTXModel.load(house.model)
    model.model_copy(update={"gpu_hour_price": hour}).save(house.model, overwrite=True)


def labels_of_last_run(*, videos: int) -> Mapping[str, Any]:
    """Return the labels of the run that was started last, once they tell of so many videos."""
    until = time.monotonic() + 30
    with get_client(sync_client=True) as client:
        while True:
            (last,) = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)
            if last.labels.get(VIDEOS) == videos:
                return last.labels
            assert time.monotonic() < until, last.labels
            time.sleep(0.2)


def test_a_run_says_what_it_used_and_what_that_cost(new_house: Callable[..., House]) -> None:
    """GPU seconds are those of the engine's stages; a cached run used none and cost nothing."""
    house = new_house()
    priced(house, hour=3600)
    made = house.make()
    assert made.usage is not None
    worked = {stage.name: stage.gpu_seconds for stage in made.stages if stage.gpu_seconds}
    assert set(worked) == GPU_STAGES
    assert all(stage.gpu_seconds <= stage.seconds + 0.01 for stage in made.stages)
    assert made.usage.gpu_seconds > 0
    assert abs(made.usage.gpu_seconds - sum(worked.values())) < 0.01
    assert made.usage.cost == made.usage.gpu_seconds  # one for a second
    labels = labels_of_last_run(videos=1)
    assert labels[GPU_SECONDS] == made.usage.gpu_seconds
    assert labels[COST] == made.usage.cost
    again = house.make()
    assert again.usage is not None
    assert (again.usage.gpu_seconds, again.usage.cost) == (0, 0)


def test_the_videos_of_one_run_add_up(new_house: Callable[..., House]) -> None:
    """A sweep's labels count all of its videos, and what each of them used."""
    house = new_house()
    result = sweep_settings(
        small_request(),
        grid={"seed": [1, 2]},
        model=house.model,
        store=house.store,
        safety=house.safety,
    )
    used = [cell.result.usage for cell in result.cells if cell.result is not None]
    labels = labels_of_last_run(videos=2)
    assert abs(float(labels[GPU_SECONDS]) - sum(one.gpu_seconds for one in used if one)) < 0.01
    assert COST not in labels


def test_a_run_does_not_wait_for_its_accounts(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that takes its time to write them down holds no video up, and gets them all."""
    ended = threading.Event()
    waited: list[bool] = []
    write = SyncPrefectClient.update_flow_run_labels

    def write_late(client: SyncPrefectClient, *told: Any) -> None:
        waited.append(ended.wait(20))
        write(client, *told)

    monkeypatch.setattr(SyncPrefectClient, "update_flow_run_labels", write_late)
    house.make()
    ended.set()
    labels_of_last_run(videos=1)
    assert waited == [True]
