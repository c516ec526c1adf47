"""What must not be made is refused before anything is fetched, and the reason stays inside."""

from __future__ import annotations

import json
from typing import Any

import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, FlowRunFilter
from prefect.client.schemas.sorting import FlowRunSort

from ltxv.errors import Refused
from tests.flows.conftest import House


def pages_of_the_last_run() -> dict[str | None, Any]:
    """Return what is attached to the run that started last, by its key."""
    with get_client(sync_client=True) as client:
        run = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)[0]
        artifacts = client.read_artifacts(
            flow_run_filter=FlowRunFilter.model_validate({"id": {"any_": [run.id]}}),
            artifact_filter=ArtifactFilter(),
        )
    return {artifact.key: artifact.data for artifact in artifacts}


@pytest.mark.parametrize(
    ("prompt", "checked", "category"),
    [
        ("porn video of an actress", True, "sexual_content"),
        ("a naked child", False, "sexual_content_with_minors"),
    ],
)
def test_a_prompt_is_refused_before_media_are_fetched(
    house: House, prompt: str, checked: bool, category: str
) -> None:
    """The caller hears that the prompt was refused; the operator's page says what for."""
    with pytest.raises(Refused) as caught:
        house.make(
            prompt=prompt,
            enable_safety_checker=checked,
            images=[{"image_url": "https://unreachable.invalid"}],
        )
    (line,) = caught.value.detail
    assert (line["loc"], line["type"]) == (["body", "prompt"], "content_policy_violation")
    assert category not in json.dumps(line)
    assert category in str(pages_of_the_last_run()["prompt-refused"])
    assert house.outputs == set()


def test_a_refused_clip_is_explained_to_the_operator_alone(new_house: Any) -> None:
    """The page of the run has the score of every frame, the caller's error has none."""
    with pytest.raises(Refused) as caught:
        new_house(refuse_at=0.0).make()
    page = str(pages_of_the_last_run()["clip-refused"])
    assert page.startswith("# 9 of 9 frames refused")
    assert page.count("| refused |") == 9
    assert "score" not in json.dumps(caught.value.detail)
