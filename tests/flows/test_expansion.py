"""Short prompts written out: when, by whom, for whom again, and never at the cost of a run."""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from blocks.captioner import Captioner
from blocks.prompt_expander import PromptExpander
from blocks.saved import saved
from deployments.flow_runs import resume_with
from ltxv.errors import Refused
from ltxv.media.tags import read_comment
from tasks.ledger import watched_by
from tests.chat_server import COMPLETIONS, asked, says
from tests.flows.conftest import House
from tests.flows.test_draft import Counting, drafted
from tests.flows.test_generate import PHOTO, data_uri, path_of, states
from tests.flows.test_safety import pages_of_the_last_run

WRITTEN = "A grey cat looks up from a red cushion while the camera comes closer."
Writing = Callable[..., House]


@pytest.fixture
def writing(house: House, httpserver: HTTPServer) -> Writing:
    """Return a function that gives the house an expander at the test's own endpoint."""

    def make(**settings: Any) -> House:
        name = f"test-{uuid.uuid4().hex[:8]}"
        PromptExpander(
            backend="endpoint", base_url=httpserver.url_for("/v1"), model="llm", **settings
        ).save(name)
        return dataclasses.replace(house, expander=name)

    return make


def test_the_prompt_used_is_the_one_written_out(writing: Writing, httpserver: HTTPServer) -> None:
    """It is in the result and the file; the same seed asks nobody again, another one does."""
    says(httpserver, WRITTEN)
    house = writing()
    first = house.make(expand_prompt=True)
    assert first.prompt == WRITTEN
    assert (states(first)["expand_prompt"], states(first)["screen_prompt"]) == ("ran", "ran")
    said = json.loads(read_comment(path_of(first)) or "")
    assert said["request"]["prompt"] == WRITTEN
    assert said["request"]["expand_prompt"] is False
    assert said["expansion"] == {"of": "a cat looks up", "by": "llm"}

    again = house.make(expand_prompt=True)
    assert again.video.file_name == first.video.file_name
    assert set(states(again).values()) == {"cached", "skipped"}
    assert len(asked(httpserver)) == 1

    house.make(expand_prompt=True, seed=8)
    assert [body["seed"] for body in asked(httpserver)] == [7, 8]


def test_what_is_not_asked_for_or_not_short_stays(writing: Writing, httpserver: HTTPServer) -> None:
    """The endpoint is not asked without the request's word, nor from the block's bound on."""
    says(httpserver, WRITTEN)
    house = writing(below_words=4)
    assert house.make().prompt == "a cat looks up"
    long = house.make(expand_prompt=True)
    assert (long.prompt, states(long)["expand_prompt"]) == ("a cat looks up", "skipped")
    assert asked(httpserver) == []
    assert house.make(prompt="a cat looks", expand_prompt=True).prompt == WRITTEN


def test_a_failure_costs_the_expansion_alone(
    writing: Writing, httpserver: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The prompt stays as it is for this run; the next one asks again."""
    httpserver.expect_request(COMPLETIONS).respond_with_data("{", status=200)
    house = writing()
    with caplog.at_level("WARNING"):
        failed = house.make(expand_prompt=True)
    assert "expand_prompt failed, the run goes on: the prompt expander" in caplog.text
    assert (failed.prompt, states(failed)["expand_prompt"]) == ("a cat looks up", "ran")
    assert "expansion" not in json.loads(read_comment(path_of(failed)) or "")
    says(httpserver, WRITTEN)
    assert house.make(expand_prompt=True).prompt == WRITTEN


def test_nobody_to_ask_is_refused_before_anything(house: House) -> None:
    """Without a backend the request ends at once: nothing fetched, nothing kept but the reason."""
    with pytest.raises(Refused) as caught:
        house.make(expand_prompt=True, images=[{"image_url": "https://unreachable.invalid"}])
    (line,) = caught.value.detail
    assert (line["loc"], line["type"]) == (["body", "expand_prompt"], "feature_not_supported")
    assert {kept.name for kept in house.root.iterdir()} == {"runs"}


def test_a_bad_prompt_is_refused_unexpanded(writing: Writing, httpserver: HTTPServer) -> None:
    """No language model sees what the rules refuse."""
    says(httpserver, WRITTEN)
    with pytest.raises(Refused):
        writing().make(prompt="porn video of an actress", expand_prompt=True)
    assert asked(httpserver) == []


def test_a_hostile_expansion_is_refused(writing: Writing, httpserver: HTTPServer) -> None:
    """What a model writes is judged like what a user writes, markup and invisible letters off."""
    says(httpserver, "A **po\u200brn** video <b>of</b> an actress.")
    house = writing()
    with pytest.raises(Refused) as caught:
        house.make(expand_prompt=True)
    (line,) = caught.value.detail
    assert (line["loc"], line["type"]) == (["body", "prompt"], "content_policy_violation")
    assert "expand_prompt false" in line["msg"]
    assert "sexual" not in json.dumps(line)
    assert "sexual_content" in str(pages_of_the_last_run()["prompt-refused"])
    assert house.outputs == set()


def test_an_expansion_is_judged_as_the_request_may_ask(
    writing: Writing, httpserver: HTTPServer
) -> None:
    """Where a request may go unchecked so may its expansion, but for the rule that always holds."""
    says(httpserver, "A naked child.")
    with pytest.raises(Refused):
        writing().make(expand_prompt=True, enable_safety_checker=False)


def test_markup_and_control_characters_do_not_get_through(
    writing: Writing, httpserver: HTTPServer
) -> None:
    """The result, the file's name and the recorded request are plain text that is a request."""
    says(
        httpserver,
        "# A cat\x00\x1b[31m <script>alert(1)</script>\r\n\r\n![x](http://x) `looks` up.",
    )
    house = writing()
    made = house.make(expand_prompt=True)
    assert made.prompt == "A cat 31m alert(1) x looks up."
    assert made.video.file_name.startswith("a-cat-31m-alert-1-x-looks-up-7-")
    assert house.make(prompt=made.prompt).prompt == made.prompt


def test_the_first_frame_is_described_first(writing: Writing, httpserver: HTTPServer) -> None:
    """One item at frame 0 is shown to the captioner, once for all seeds, and its words are told."""
    says(httpserver, "A tabby on a sofa.")
    captioner = Captioner(base_url=httpserver.url_for("/v1"), model="vlm")
    captioner.save(f"test-{uuid.uuid4().hex[:8]}")
    house = writing(captioner=captioner)
    photo = {"image_url": data_uri(PHOTO, "image/jpeg")}
    house.make(expand_prompt=True, images=[photo])
    house.make(expand_prompt=True, images=[photo], seed=8)
    assert [body["model"] for body in asked(httpserver)] == ["vlm", "llm", "llm"]
    told = asked(httpserver)[1]["messages"][-1]["content"]
    assert told == "Idea: a cat looks up\nPicture: A tabby on a sofa."

    says(httpserver, WRITTEN)
    house.make(
        expand_prompt=True, images=[photo, {**photo, "start_frame_num": 8}], number_of_frames=17
    )
    (body,) = asked(httpserver)
    assert body["model"] == "llm"
    assert "do not see" in body["messages"][0]["content"]


def test_a_captioner_that_fails_costs_the_description_alone(
    writing: Writing, httpserver: HTTPServer
) -> None:
    """The prompt is expanded without it."""
    captioner = Captioner(base_url=httpserver.url_for("/none"), model="vlm")
    captioner.save(f"test-{uuid.uuid4().hex[:8]}")
    says(httpserver, WRITTEN)
    made = writing(captioner=captioner).make(
        expand_prompt=True, images=[{"image_url": data_uri(PHOTO, "image/jpeg")}]
    )
    assert made.prompt == WRITTEN
    assert "do not see" in asked(httpserver)[0]["messages"][0]["content"]


def test_the_embedded_model_expands_in_a_run(house: House) -> None:
    """A real language model, and the same text for the same seed when nothing is kept."""
    embedded = dataclasses.replace(house, expander="embedded")
    made = embedded.make(expand_prompt=True)
    assert made.prompt.startswith("a cat looks up. ")
    assert len(made.prompt.split()) > 10
    expander = saved(PromptExpander, "embedded")
    assert states(embedded.make(expand_prompt=True))["expand_prompt"] == "cached"
    assert expander.takes("a cat looks up")


@pytest.mark.parametrize("first", ["", WRITTEN])
def test_drafts_are_refined_with_the_text_they_were_made_with(
    writing: Writing, httpserver: HTTPServer, first: str
) -> None:
    """All drafts share one text, no model that comes back alters it, and the clip tells of it."""
    says(httpserver, first)
    house = writing()
    run, made = drafted(house, expand_prompt=True, drafts=2)
    assert made.ran["encode_prompt"] == 1
    says(httpserver, "Something else altogether.")
    refining = Counting()
    with watched_by(refining):
        (result,) = resume_with(run, {"drafts": [2]})
    assert (result.prompt, result.seed) == (first or "a cat looks up", 8)
    said = json.loads(read_comment(path_of(result)) or "")
    assert said.get("expansion") == ({"of": "a cat looks up", "by": "llm"} if first else None)
    for clip in (house.root / "clips").rglob("*.mp4"):  # previews too
        assert json.loads(read_comment(clip) or "").get("expansion") == said.get("expansion")
    assert "first_pass" not in refining.ran
