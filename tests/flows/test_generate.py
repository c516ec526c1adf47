"""One request in, one video out: the whole flow on a real server with real media."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import ffmpeg
import numpy as np
import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, FlowRunFilter
from prefect.client.schemas.sorting import FlowRunSort
from pytest_httpserver import HTTPServer

from ltxv.errors import Refused
from ltxv.media.binaries import ffprobe_binary
from ltxv.media.frames import read_frames
from ltxv.result import VideoResult
from tests.flows.conftest import SAMPLES, House

PHOTO, CLIP = SAMPLES / "cat.jpg", SAMPLES / "bunny.mp4"
GPU_STAGES = {"encode_prompt", "first_pass", "second_pass", "decode"}


def states(result: VideoResult) -> dict[str, str]:
    """Return the state of every stage by its name."""
    return {record.name: record.state for record in result.stages}


def path_of(result: VideoResult) -> Path:
    """Return the file that the result's URL names."""
    parts = urlsplit(result.video.url)
    assert parts.scheme == "file"
    return Path(unquote(parts.path))


def data_uri(path: Path, content_type: str) -> str:
    """Return a file as a data URI."""
    return f"data:{content_type};base64,{base64.b64encode(path.read_bytes()).decode()}"


@pytest.fixture
def media(httpserver: HTTPServer) -> dict[str, str]:
    """URLs of a real photo and a real clip on a real server."""
    served = {"photo": (PHOTO, "image/jpeg"), "clip": (CLIP, "video/mp4")}
    for name, (path, content_type) in served.items():
        httpserver.expect_request(f"/{name}").respond_with_data(
            path.read_bytes(), content_type=content_type
        )
    return {name: httpserver.url_for(f"/{name}") for name in served}


def test_a_photo_and_a_clip_become_the_planned_video(house: House, media: dict[str, str]) -> None:
    """The mp4 has the size, frames and rate that were asked for, and says how it was made."""
    result = house.make(
        images=[{"image_url": media["photo"]}],
        videos=[{"video_url": media["clip"], "start_frame_num": 8}],
        number_of_frames=18,
        frame_rate=24,
        aspect_ratio="16:9",
    )
    file = path_of(result)
    assert file.stat().st_size == result.video.file_size
    assert (result.video.content_type, result.video.file_name) == ("video/mp4", file.name)
    probed = ffmpeg.probe(str(file), cmd=ffprobe_binary(), count_frames=None)
    (stream,) = probed["streams"]
    assert (stream["codec_name"], stream["pix_fmt"]) == ("h264", "yuv420p")
    assert (stream["width"], stream["height"]) == (854, 480)
    assert (int(stream["nb_read_frames"]), stream["r_frame_rate"]) == (18, "24/1")
    said = json.loads(probed["format"]["tags"]["comment"])
    assert said["ai_generated"] is True
    assert said["seed"] == 7
    assert said["model"]["checkpoint"] == "tiny"
    assert [item["start_frame_num"] for item in said["request"]["media"]] == [0, 8]
    assert media["photo"] not in probed["format"]["tags"]["comment"]
    assert (result.prompt, result.seed) == ("a cat looks up", 7)
    assert states(result) == {
        "fetch_media": "ran",
        "compress_media": "ran",
        "expand_prompt": "skipped",
        "screen_prompt": "ran",
        "encode_prompt": "ran",
        "first_pass": "ran",
        "second_pass": "ran",
        "decode": "ran",
        "reverse": "skipped",
        "screen_frames": "ran",
        "write_video": "ran",
        "upload": "ran",
    }


def test_the_same_request_again_runs_no_stage(house: House, media: dict[str, str]) -> None:
    """A second run takes every stage from the store and gives the same file."""
    images = [{"image_url": media["photo"]}]
    first, second = house.make(images=images), house.make(images=images)
    assert set(states(first).values()) == {"ran", "skipped"}
    assert set(states(second).values()) == {"cached", "skipped"}
    assert second.video == first.video


def test_a_change_runs_only_what_follows_it(house: House) -> None:
    """A second-pass setting leaves the first pass alone; reversing leaves both passes alone."""
    house.make()
    refined = states(house.make(second_pass_number_of_steps=5))
    assert {name for name, state in refined.items() if state == "cached"} == {
        "screen_prompt",
        "encode_prompt",
        "first_pass",
    }
    reversed_ = states(house.make(reverse_video=True))
    assert {name for name, state in reversed_.items() if state == "ran"} == {
        "decode",
        "reverse",
        "screen_frames",
        "write_video",
        "upload",
    }


def test_reversing_turns_the_frames_around(house: House, media: dict[str, str]) -> None:
    """The reversed video shows the same frames, of a clip that moves, in the opposite order."""
    videos = [{"video_url": media["clip"]}]
    forwards = read_frames(path_of(house.make(videos=videos)))
    backwards = read_frames(path_of(house.make(videos=videos, reverse_video=True)))
    same = np.abs(forwards[::-1].astype(int) - backwards.astype(int)).mean()
    other = np.abs(forwards.astype(int) - backwards.astype(int)).mean()
    assert same < other / 2


@pytest.mark.slow
def test_frames_left_in_their_order_are_noticed(
    house: House, media: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check before this one fails once the stage that reverses does nothing."""
    monkeypatch.setattr("tasks.finish.reverse", lambda *, frames: frames)
    with pytest.raises(AssertionError):
        test_reversing_turns_the_frames_around(house, media)


def test_the_seed_decides_and_is_drawn_when_left_out(house: House) -> None:
    """Other seeds give other videos; a run without one draws its own and says which."""
    seeded, unseeded, again = house.make(), house.make(seed=None), house.make(seed=None)
    assert len({seeded.seed, unseeded.seed, again.seed}) == 3
    repeated = house.make(seed=unseeded.seed)
    assert repeated.video == unseeded.video
    assert seeded.video.file_name != unseeded.video.file_name


@pytest.mark.parametrize("harm", ["removed", "altered"])
def test_bytes_that_are_lost_are_made_again(house: House, harm: str) -> None:
    """A cached stage whose payload is gone or changed runs again; the others do not."""
    first = house.make()
    for payload in (house.root / "prompts").rglob("*.safetensors"):
        if harm == "removed":
            payload.unlink()
        else:
            content = bytearray(payload.read_bytes())
            content[-1] ^= 1
            payload.chmod(0o600)
            payload.write_bytes(content)
    second = house.make()
    assert {name for name, state in states(second).items() if state == "ran"} == {"encode_prompt"}
    assert second.video == first.video


def test_a_data_uri_is_a_medium_too(house: House) -> None:
    """An image inside the request needs no server."""
    result = house.make(images=[{"image_url": data_uri(PHOTO, "image/jpeg")}])
    assert states(result)["fetch_media"] == "ran"
    assert path_of(result).exists()


@pytest.mark.parametrize(
    ("content", "kind", "type"),
    [
        (b"", "image", "file_download_error"),
        (b"<html>not found</html>", "image", "image_load_error"),
        (PHOTO.read_bytes()[:5000], "image", "image_load_error"),
        (CLIP.read_bytes(), "image", None),
        (PHOTO.read_bytes(), "video", None),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "video", None),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "video", None),
        (CLIP.read_bytes()[:20_000], "video", None),
    ],
)
def test_a_bad_medium_is_refused_by_its_field(
    house: House, httpserver: HTTPServer, content: bytes, kind: str, type: str | None
) -> None:
    """What is no picture or clip ends as one error about that item; nothing is published."""
    httpserver.expect_request("/bad").respond_with_data(content, content_type=f"{kind}/x")
    item = {f"{kind}_url": httpserver.url_for("/bad")}
    with pytest.raises(Refused) as caught:
        house.make(**{f"{kind}s": [item]})
    (line,) = caught.value.detail
    assert line["loc"] == ["body", f"{kind}s", 0, f"{kind}_url"]
    assert type is None or line["type"] == type
    assert house.outputs == set()


def test_every_bad_medium_is_reported(house: House, httpserver: HTTPServer) -> None:
    """Two items that cannot be fetched are two violations of one error."""
    httpserver.expect_request("/missing").respond_with_data("", status=404)
    bad = {"image_url": httpserver.url_for("/missing")}
    with pytest.raises(Refused) as caught:
        house.make(images=[bad, {**bad, "start_frame_num": 8}])
    assert [line["loc"][2] for line in caught.value.detail] == [0, 1]


@pytest.mark.parametrize(
    "url", ["/etc/passwd", "file:///etc/passwd", "http://169.254.169.254/x", "ftp://a.b/c"]
)
def test_a_request_cannot_reach_into_the_machine(house: House, url: str) -> None:
    """Local files and private addresses are refused, however they are written."""
    with pytest.raises(Refused) as caught:
        house.make(images=[{"image_url": url}])
    assert caught.value.detail[0]["type"] == "file_download_error"


def test_a_refused_clip_is_never_published(new_house: Callable[..., House]) -> None:
    """A clip that the checker refuses ends as a policy violation, with no file anywhere."""
    strict = new_house(refuse_at=0.0)
    with pytest.raises(Refused) as caught:
        strict.make()
    assert caught.value.detail[0]["type"] == "content_policy_violation"
    assert strict.outputs == set()
    assert not list((strict.root / "clips").rglob("*.mp4"))
    unchecked = strict.make(enable_safety_checker=False)
    assert states(unchecked)["screen_frames"] == "skipped"
    assert strict.outputs == {unchecked.video.file_name}


def test_what_cannot_be_done_is_refused_before_any_stage(house: House) -> None:
    """An unsupported field costs no download and no GPU."""
    with pytest.raises(Refused) as caught:
        house.make(enable_detail_pass=True, images=[{"image_url": "https://unreachable.invalid"}])
    assert caught.value.detail[0]["type"] == "feature_not_supported"
    assert not house.root.exists()


def test_the_run_can_be_watched_and_looked_at(house: House) -> None:
    """A run leaves progress of both passes, a contact sheet and a page with stages and plan."""
    prompt = "a *bold* cat | <script>\n# ![](https://spy.example/a.png)"
    result = house.make(prompt=prompt)
    with get_client(sync_client=True) as client:
        run = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)[0]
        artifacts = client.read_artifacts(
            flow_run_filter=FlowRunFilter.model_validate({"id": {"any_": [run.id]}}),
            artifact_filter=ArtifactFilter(),
        )
    by_key: dict[str | None, Any] = {artifact.key: artifact for artifact in artifacts}
    assert by_key["first-pass"].data == by_key["second-pass"].data == 100
    assert str(by_key["contact-sheet"].data).startswith("data:image/jpeg;base64,/9j/")
    page = str(by_key["video"].data)
    assert f"`{result.video.url}`" in page  # as text: no browser follows a link to a file
    assert "| first_pass | ran |" in page
    assert '"sigmas"' in page
    assert "<script>" not in page.partition("## Plan")[0]
    assert "\n# \\" not in page
    assert "![](" not in str(by_key["contact-sheet"].description)
    assert run.name == "a *bold* cat | <script> # ![](https://spy.example/a.png)"
