"""A resolved plan: nothing left to decide, and each stage's work made of its own part only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from ltxv.engine import ModelIdentity
from ltxv.errors import Refused
from ltxv.plan import Plan, resolve
from ltxv.request import parse_request

MODEL = ModelIdentity(checkpoint="tiny", revision="r", dtype="float32", device="cpu")


@dataclass(frozen=True)
class Found:
    """A picture or clip as a probe would describe it."""

    width: int = 600
    height: int = 400
    frames: int = 1
    frame_rate: float = 0.0
    held: bool = False


def clip(frames: int, frame_rate: float = 25.0) -> Found:
    """Return a clip's description."""
    return Found(frames=frames, frame_rate=frame_rate)


def planned(*media: Found, **fields: Any) -> Plan:
    """Resolve a request that has an image or a clip for each of ``media``."""
    data = {"prompt": "x", "seed": 1, **fields}
    return resolve(parse_request(data), media, model=MODEL, seed=2)


def video(**fields: Any) -> dict[str, Any]:
    """Return a video conditioning object."""
    return {"video_url": "https://example.com/a.mp4", **fields}


def image(**fields: Any) -> dict[str, Any]:
    """Return an image conditioning object."""
    return {"image_url": "https://example.com/a.jpg", **fields}


def test_the_seeds_example_is_planned_as_published() -> None:
    """Two photos at 0 and 120 of the defaults: 7 and 3 forwards at the reference's sizes."""
    plan = planned(
        Found(1280, 720),
        Found(800, 800),
        images=[image(), image(start_frame_num=120)],
    )
    assert (plan.width, plan.height, plan.frames, plan.frame_rate) == (1280, 720, 121, 30)
    assert plan.padding == (0, 0, 8, 8)
    first, second = plan.first_pass, plan.second_pass
    assert (first.width, first.height, first.tokens) == (832, 480, 6240)
    assert (second.width, second.height, second.tokens) == (1664, 960, 24960)
    assert first.sigmas == pytest.approx(
        [1.0, 0.9937, 0.9875, 0.9812, 0.975, 0.9094, 0.725], abs=1e-4
    )
    assert second.sigmas == pytest.approx([0.9094, 0.725, 0.4219], abs=1e-4)
    assert [item.placement.start_frame for item in plan.items] == [0, 120]
    assert {item.compress.aspect for item in plan.items} == {(1280, 720)}
    assert {item.compress.crf for item in plan.items} == {35}
    # 4390 + 244.6 + 3.8 + 2.4 as published, a keyframe of tokens, two pictures encoded twice.
    assert plan.estimate.tflops == pytest.approx(4775 + 250.8 + 2 * 11.9, rel=0.01)


@pytest.mark.parametrize(
    ("found", "fields", "frames"),
    [
        (50, {}, 49),
        (49, {}, 49),
        (48, {}, 41),
        (1000, {}, 121),
        (1000, {"start_frame_num": 24}, 97),
        (5, {}, 1),
        (9, {"start_frame_num": 24}, 9),
        (50, {"limit_num_frames": True, "max_num_frames": 20}, 17),
        (50, {"max_num_frames": 20}, 49),
        (50, {"resample_fps": True, "target_fps": 50}, 97),
        (50, {"resample_fps": True, "target_fps": 12}, 17),
        (50, {"target_fps": 12}, 49),
    ],
)
def test_a_clip_is_cut_to_what_fits(found: int, fields: dict[str, Any], frames: int) -> None:
    """Frames are limited, resampled, cut to the room after the start, and floored to 8k+1."""
    (item,) = planned(clip(found), videos=[video(**fields)]).items
    assert item.placement.frames == item.compress.frames == frames


def test_ntsc_rates_do_not_lose_a_frame() -> None:
    """A clip of 29.97 frames a second doubled in rate has exactly twice the frames."""
    (item,) = planned(
        clip(61, 30000 / 1001), videos=[video(resample_fps=True, target_fps=30)]
    ).items
    assert item.placement.frames == 57
    (item,) = planned(clip(50, 23.976), videos=[video(resample_fps=True, target_fps=24)]).items
    assert item.placement.frames == 49


def test_a_clip_too_short_for_its_place_is_refused() -> None:
    """After frame 0 a clip needs two latent frames; the error names it and the way out."""
    with pytest.raises(Refused) as caught:
        planned(clip(8), videos=[video(start_frame_num=24)])
    (line,) = caught.value.detail
    assert line["loc"] == ["body", "videos", 0, "video_url"]
    assert line["type"] == "video_duration_too_short"


def test_the_first_item_decides_the_aspect() -> None:
    """With auto, the first image's shape is kept, and a clip's where there is no image."""
    square, wide = Found(500, 500), Found(1000, 500, 9, 25)
    plan = planned(square, wide, images=[image()], videos=[video()])
    assert (plan.width, plan.height) == (960, 960)
    assert planned(wide, videos=[video()]).width == 1358


def test_a_missing_seed_is_the_one_drawn_at_the_door() -> None:
    """The request's seed wins; without one the plan has the run's."""
    assert planned().seed == 1
    assert planned(seed=None).seed == 2
    assert planned(seed=0).seed == 0


def test_each_work_changes_only_with_its_own_settings() -> None:
    """Cache keys are made of works, so a work must not know what its stage does not use."""
    base = planned()
    second = planned(second_pass_number_of_steps=9)
    assert second.first_pass_work == base.first_pass_work
    assert second.second_pass_work != base.second_pass_work
    assert second.decode_work == base.decode_work
    toned = planned(tone_map_compression_ratio=0.5)
    assert toned.second_pass_work == base.second_pass_work
    assert toned.decode_work != base.decode_work
    assert planned(seed=3).prompt_work == base.prompt_work
    assert planned(seed=3).second_pass_work == base.second_pass_work
    for passing in ({"reverse_video": True}, {"enable_safety_checker": False}):
        changed = planned(**passing)
        assert changed.first_pass_work == base.first_pass_work
        assert changed.decode_work == base.decode_work


def test_frames_are_padded_inside_and_cropped_back() -> None:
    """122 frames are made as 129; the decode is told how many to keep."""
    plan = planned(number_of_frames=122)
    assert plan.first_pass_work.frames == plan.second_pass_work.frames == 129
    assert plan.decode_work.frames == 122
