"""Each setting of a conditioning item has its whole effect, from the request to the pixels."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from prefect import flow

from flows.prepare import prepare
from ltxv.engine import Frames
from ltxv.errors import Refused
from ltxv.media.frames import read_frames
from ltxv.plan import Plan
from tests.flows.conftest import SAMPLES, House, small_request
from tests.media_samples import lossless, picture

STEP = 4
RATE = 25


def inline(content: bytes, content_type: str) -> str:
    """Return a data URI."""
    return f"data:{content_type};base64,{base64.b64encode(content).decode()}"


def numbered(count: int) -> str:
    """Return a clip of 25 frames a second whose grey level is four times the frame's number."""
    levels = np.arange(count, dtype=np.uint8)[:, None, None, None] * STEP
    frames = np.broadcast_to(levels, (count, 48, 64, 3)).copy()
    return inline(lossless(frames, rate=str(RATE)), "video/x-matroska")


def numbers(frames: Frames) -> list[int]:
    """Return the numbers of a numbered clip's frames, through blur and CRF."""
    return [round(float(frame.mean()) / STEP) for frame in frames]


Prepared = Callable[..., tuple[Plan, list[Frames]]]


@pytest.fixture
def prepared(house: House) -> Prepared:
    """Return a function that prepares a request and gives its plan and what the model would see."""
    use = house.equipment

    @flow(name="prepared")
    def run(**fields: Any) -> Any:
        return prepare(small_request(**fields), seed=7, use=use)

    def given(**fields: Any) -> tuple[Plan, list[Frames]]:
        found = run(**fields)
        frames = []
        for item in found.items:
            with use.store.open(item) as file:
                frames.append(read_frames(file))
        return found.plan, frames

    return given


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, list(range(25))),
        ({"max_num_frames": 9}, list(range(25))),
        ({"limit_num_frames": True, "max_num_frames": 20}, list(range(17))),
        ({"limit_num_frames": True}, list(range(25))),
        ({"reverse_video": True}, list(range(59, 34, -1))),
        (
            {"reverse_video": True, "limit_num_frames": True, "max_num_frames": 20},
            list(range(19, 2, -1)),
        ),
        ({"target_fps": 5}, list(range(25))),
        ({"resample_fps": True, "target_fps": 5}, list(range(0, 45, 5))),
        ({"resample_fps": True, "target_fps": 50}, [place // 2 for place in range(25)]),
        (
            {
                "limit_num_frames": True,
                "max_num_frames": 50,
                "resample_fps": True,
                "target_fps": 5,
                "reverse_video": True,
            },
            list(range(49, 8, -5)),
        ),
        ({"start_frame_num": 8}, list(range(17))),
    ],
)
def test_a_clips_settings_choose_its_frames(
    prepared: Prepared, settings: dict[str, Any], expected: list[int]
) -> None:
    """Limited, brought to a rate, reversed and cut to what fits: these frames in this order."""
    plan, (frames,) = prepared(
        videos=[{"video_url": numbered(60), **settings}], number_of_frames=25
    )
    assert numbers(frames) == expected
    placement = plan.items[0].placement
    assert (placement.start_frame, placement.frames) == (
        settings.get("start_frame_num", 0),
        len(expected),
    )


@pytest.mark.parametrize("form", ["GIF", "WEBP"])
def test_frames_that_are_held_are_held(prepared: Prepared, form: str) -> None:
    """An animation's slow frames count for each tick, and limits count ticks."""
    first, *later = [Image.new("RGB", (64, 48), (STEP * number,) * 3) for number in (5, 15, 30, 45)]
    lossless_ = {"lossless": True} if form == "WEBP" else {}
    content = picture(
        first, form, save_all=True, append_images=later, duration=[100, 500, 100, 300], **lossless_
    )
    clip = {"video_url": inline(content, f"image/{form.lower()}")}
    _, (frames,) = prepared(videos=[clip])
    assert numbers(frames) == [5, 15, 15, 15, 15, 15, 30, 45, 45]
    _, (frames,) = prepared(videos=[{**clip, "reverse_video": True}])
    assert numbers(frames) == [45, 45, 45, 30, 15, 15, 15, 15, 15]
    _, (frames,) = prepared(videos=[{**clip, "resample_fps": True, "target_fps": 20}])
    assert numbers(frames) == [5, 5, *[15] * 7]


def test_every_item_goes_where_it_was_put(prepared: Prepared) -> None:
    """Images and clips of one request keep their own settings, images first."""
    plan, frames = prepared(
        images=[
            {"image_url": PHOTO, "strength": 0.25},
            {"image_url": PHOTO, "start_frame_num": 32},
        ],
        videos=[
            {"video_url": numbered(20), "start_frame_num": 8, "strength": 0.5},
            {"video_url": numbered(40), "start_frame_num": 24, "reverse_video": True},
        ],
        number_of_frames=41,
    )
    placed = [item.placement for item in plan.items]
    assert [(each.kind, each.start_frame, each.frames, each.strength) for each in placed] == [
        ("image", 0, 1, 0.25),
        ("image", 32, 1, 1.0),
        ("video", 8, 17, 0.5),
        ("video", 24, 17, 1.0),
    ]
    assert numbers(frames[2]) == list(range(17))
    assert numbers(frames[3]) == list(range(39, 22, -1))


def made(house: House, **fields: Any) -> NDArray[np.float64]:
    """Return the frames of the video that a request gives."""
    url = urlsplit(house.make(**fields).video.url)
    return read_frames(Path(unquote(url.path))).astype(float)


def apart(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return by how much pixels differ on average."""
    return float(np.abs(first - second).mean())


PHOTO = inline((SAMPLES / "cat.jpg").read_bytes(), "image/jpeg")
CUP = inline((SAMPLES / "coffee.jpg").read_bytes(), "image/jpeg")
MEDIA = {"image": (PHOTO, CUP), "video": (numbered(9), numbered(60))}


@pytest.mark.parametrize("kind", ["image", pytest.param("video", marks=pytest.mark.slow)])
def test_strength_goes_from_nothing_to_everything(house: House, kind: str) -> None:
    """At 0 it does not matter what the item shows, at 1 the video shows it, between it is between.

    The clips differ where one is used backwards, from its last frame.
    """

    def shown(url: str, strength: float) -> NDArray[np.float64]:
        reverse = {"reverse_video": True} if kind == "video" else {}
        item = {f"{kind}_url": url, "strength": strength, **reverse}
        return made(house, **{f"{kind}s": [item]})[:1]

    one, other = MEDIA[kind]
    ignored, half, kept = (shown(one, strength) for strength in (0, 0.5, 1))
    assert apart(shown(other, 0), ignored) < 0.5
    assert apart(shown(other, 1), kept) > 20
    assert apart(ignored, kept) > 20
    assert apart(half, kept) < apart(ignored, kept)
    assert apart(half, ignored) > 1


def test_items_act_together(house: House) -> None:
    """A photo, a later photo and a clip all change the video: without one it is another."""
    images = [{"image_url": PHOTO}, {"image_url": CUP, "start_frame_num": 16}]
    videos = [{"video_url": numbered(30), "start_frame_num": 8}]
    every = made(house, images=images, videos=videos, number_of_frames=17)
    for fewer in (
        {"images": images[:1], "videos": videos},
        {"images": images[1:], "videos": videos},
        {"images": images},
    ):
        assert apart(made(house, number_of_frames=17, **fewer), every) > 1


@pytest.mark.parametrize("kind", ["depth", "pose", "canny"])
def test_other_kinds_are_refused_with_the_reason(house: House, kind: str) -> None:
    """Nobody gets a video of edges instead of one that follows them."""
    clip = {"video_url": numbered(9), "conditioning_type": kind, "preprocess": True}
    with pytest.raises(Refused) as caught:
        house.make(videos=[clip])
    (line,) = caught.value.detail
    assert line["loc"] == ["body", "videos", 0, "conditioning_type"]
    assert line["type"] == "feature_not_supported"
    assert f"conditioning by {kind}" in line["msg"]
    assert "IC-LoRA" in line["msg"]


def test_preprocess_has_no_effect_on_rgb(prepared: Prepared) -> None:
    """As on the hosted endpoint, a clip that is shown as it is has nothing to be derived."""
    _, (plain,) = prepared(videos=[{"video_url": numbered(9)}])
    _, (asked,) = prepared(videos=[{"video_url": numbered(9), "preprocess": True}])
    np.testing.assert_array_equal(plain, asked)
