"""Drafts: first passes, a choice without a process, and refinements from their latents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import Pause

from blocks.draft_notes import noted_drafts
from deployments.drafts import drafts_of, sheet_of_drafts
from deployments.flow_runs import resume_with, start_here
from flows.draft import draft_videos
from ltxv.errors import LTXError, Misconfigured, Refused
from ltxv.result import StageName, StageRecord
from tasks.ledger import watched_by
from tests.flows.conftest import SAMPLES, House, small_request
from tests.flows.test_generate import data_uri, states


class Counting:
    """A watcher that counts what ran."""

    def __init__(self) -> None:
        self.ran: dict[str, int] = {}
        self.run = ""

    def running(self, flow_run: str) -> None:
        self.run = flow_run

    def noted(self, line: str) -> None:
        pass

    def started(self, stage: StageName) -> None:
        pass

    def stepped(self, stage: StageName, done: int, total: int) -> None:
        pass

    def ended(self, record: StageRecord) -> None:
        if record.state == "ran":
            self.ran[record.name] = self.ran.get(record.name, 0) + 1


def parameters(house: House, *, drafts: int = 3, **fields: Any) -> dict[str, Any]:
    """Return what `ltx draft` gives the flow."""
    return {
        "request": small_request(**fields),
        "drafts": drafts,
        "model": house.model,
        "store": house.store,
        "safety": house.safety,
        "expander": house.expander,
    }


def drafted(house: House, **fields: Any) -> tuple[FlowRun, Counting]:
    """Make drafts and return the suspended run."""
    watcher = Counting()
    with watched_by(watcher), pytest.raises(Pause):
        start_here(draft_videos, parameters(house, **fields))
    return run_of(watcher.run), watcher


def run_of(run: str | UUID) -> FlowRun:
    """Read a flow run."""
    with get_client(sync_client=True) as client:
        return client.read_flow_run(UUID(str(run)))


def test_only_what_is_chosen_is_refined(house: House) -> None:
    """Shared work is done once; the choice runs the second pass alone, to the usual pixels."""
    photo = data_uri(SAMPLES / "cat.jpg", "image/jpeg")
    images = [{"image_url": photo}]
    run, made = drafted(house, images=images)
    assert run.state is not None
    assert run.state.is_paused()
    assert made.ran["first_pass"] == 3
    assert {made.ran[name] for name in ["fetch_media", "compress_media", "encode_prompt"]} == {1}
    assert "second_pass" not in made.ran
    assert [(line.draft, line.seed) for line in drafts_of(run.id)] == [(1, 7), (2, 8), (3, 9)]
    sheet = sheet_of_drafts(run.id)
    assert sheet is not None
    assert sheet.startswith(b"\xff\xd8")

    refining = Counting()
    with watched_by(refining):
        results = resume_with(run, {"drafts": [3, 1]})
    assert [result.seed for result in results] == [9, 7]
    assert refining.ran["second_pass"] == 2
    assert "first_pass" not in refining.ran
    assert house.make(images=images, seed=9).video == results[0].video
    note = noted_drafts(str(run.id), house.equipment.store)
    assert note is not None
    assert note.numbers == [1, 2, 3]
    assert [(one.draft, one.result) for one in note.refined] == [(3, results[0]), (1, results[1])]
    with get_client(sync_client=True) as client:
        artifacts = client.read_artifacts(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])),
            artifact_filter=ArtifactFilter(),
        )
    keys = [artifact.key for artifact in artifacts]
    assert [keys.count(key) for key in ["drafts", "drafts-sheet", "draft-1"]] == [1, 1, 1]
    moving = next(artifact for artifact in artifacts if artifact.key == "draft-2")
    assert str(moving.data).startswith("data:image/webp;base64,")


def test_a_choice_that_cannot_be_made_loses_nothing(house: House) -> None:
    """A number that names no draft is refused, settings that do not fit are asked for again."""
    run, _ = drafted(house, drafts=2)
    with pytest.raises(Refused, match="the choice is not accepted"):
        resume_with(run, {"drafts": [3]})
    with pytest.raises(Refused, match="the choice is not accepted"):
        resume_with(run, {"drafts": []})
    assert run_of(run.id).state.is_paused()  # type: ignore[union-attr]
    misfit = {"drafts": [2], "second_pass_number_of_steps": 3, "second_pass_skip_initial_steps": 3}
    with pytest.raises(Pause):
        resume_with(run_of(run.id), misfit)
    (result,) = resume_with(
        run_of(run.id), {**misfit, "second_pass_skip_initial_steps": 2, "drafts": [2]}
    )
    assert result.seed == 8
    assert states(result)["first_pass"] == "cached"
    with pytest.raises(Refused, match="it is finished"):
        resume_with(run_of(run.id), {"drafts": [1]})


def test_drafts_that_nobody_could_choose_from_are_not_made(
    house: House, new_house: Callable[..., House]
) -> None:
    """A run that cannot be suspended, or whose drafts are all refused, is one clear error."""
    with pytest.raises(Misconfigured, match="only do that for runs of a deployment"):
        draft_videos(**parameters(house))
    assert not house.root.exists()
    with pytest.raises(LTXError) as caught:
        start_here(draft_videos, parameters(new_house(refuse_at=0.0), drafts=2))
    assert isinstance(caught.value, Refused)
    assert caught.value.detail[0]["type"] == "content_policy_violation"
