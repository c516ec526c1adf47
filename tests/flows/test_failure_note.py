"""Why a run made nothing, as whoever asked for it elsewhere can read it."""

from __future__ import annotations

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.sorting import FlowRunSort

from blocks.media_store import MediaStore
from blocks.run_notes import noted_failure
from blocks.saved import saved
from ltxv.errors import Refused
from tests.flows.conftest import House


def test_a_refused_run_notes_fields_and_types(house: House) -> None:
    """The note in the store is the endpoint's own list of what is wrong."""
    with pytest.raises(Refused) as refused:
        house.make(prompt="a naked child")
    with get_client(sync_client=True) as client:
        [run] = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)
    noted = noted_failure(str(run.id), saved(MediaStore, house.store))
    assert noted == refused.value.detail
    assert noted[0]["loc"] == ["body", "prompt"]
    assert noted[0]["type"] == "content_policy_violation"
