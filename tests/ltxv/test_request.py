"""The endpoint's schema: what is accepted, what is refused, and how the refusal reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ltxv.errors import Refused
from ltxv.request import VideoRequest, parse_request
from ltxv.unsupported import refuse_unsupported

IMAGE = {"image_url": "https://example.com/a.jpg"}
VIDEO = {"video_url": "https://example.com/a.mp4"}

SEED_EXAMPLE = {
    "prompt": "A vibrant, abstract composition",
    "negative_prompt": "worst quality, inconsistent motion, blurry, jittery, distorted",
    "loras": [],
    "resolution": "720p",
    "aspect_ratio": "auto",
    "number_of_frames": 121,
    "first_pass_number_of_steps": 8,
    "first_pass_skip_final_steps": 1,
    "second_pass_number_of_steps": 8,
    "second_pass_skip_initial_steps": 5,
    "frame_rate": 30,
    "expand_prompt": False,
    "reverse_video": False,
    "enable_safety_checker": True,
    "constant_rate_factor": 35,
    "images": [
        {"strength": 1, "start_frame_num": 0, "image_url": "https://example.com/a.jpg"},
        {"strength": 1, "start_frame_num": 120, "image_url": "https://example.com/b.jpg"},
    ],
    "videos": [],
}


def refusal(data: Any) -> dict[str, dict[str, Any]]:
    """Return the violations of ``data`` by their dotted place."""
    with pytest.raises(Refused) as caught:
        parse_request(data)
    return {".".join(map(str, line["loc"][1:])): line for line in caught.value.detail}


def test_the_endpoints_own_example_is_all_defaults() -> None:
    """The example input equals a request that names only the prompt and the images."""
    short = {key: SEED_EXAMPLE[key] for key in ("prompt", "images")}
    assert parse_request(SEED_EXAMPLE) == parse_request(short)


def test_lines_and_any_script_are_text() -> None:
    """Line ends of every system, tabs and letters of all scripts are part of a prompt."""
    prompt = "Eine Katze\r\n\tsieht \u732b an \U0001f408"
    assert parse_request({"prompt": prompt, "negative_prompt": ""}).prompt == prompt


def test_later_names_mean_the_same() -> None:
    """The later generations' names of three fields are understood."""
    request = parse_request(
        {
            "prompt": "x",
            "num_frames": 49,
            "first_pass_num_inference_steps": 6,
            "second_pass_num_inference_steps": 7,
        }
    )
    assert request.number_of_frames == 49
    assert request.first_pass_number_of_steps == 6
    assert request.second_pass_number_of_steps == 7


def test_both_names_of_one_field_contradict() -> None:
    """A field under both its names is refused, whichever comes first."""
    for names in (["num_frames", "number_of_frames"], ["number_of_frames", "num_frames"]):
        found = refusal({"prompt": "x", **dict.fromkeys(names, 9)})
        assert found["num_frames"]["type"] == "one_of"


@pytest.mark.parametrize(
    ("data", "place", "nearest"),
    [
        ({"prompt": "x", "num_frame": 9}, "num_frame", "num_frames"),
        ({"prompt": "x", "number_of_frame": 9}, "number_of_frame", "number_of_frames"),
        ({"prompt": "x", "Resolution": "720p"}, "Resolution", "resolution"),
        ({"prompt": "x", "images": [{**IMAGE, "strenght": 1}]}, "images.0.strenght", "strength"),
        (
            {"prompt": "x", "videos": [{**VIDEO, "start_frame": 8}]},
            "videos.0.start_frame",
            "start_frame_num",
        ),
    ],
)
def test_an_unknown_field_names_the_nearest(data: dict[str, Any], place: str, nearest: str) -> None:
    """A misspelt field is an error that says which one was probably meant."""
    line = refusal(data)[place]
    assert line["type"] == "extra_forbidden"
    assert f"did you mean '{nearest}'" in line["msg"]


def test_a_field_like_no_other_lists_them_all() -> None:
    """When nothing is near, the error lists what there is."""
    assert "number_of_frames" in refusal({"prompt": "x", "zzz": 1})["zzz"]["msg"]


@pytest.mark.parametrize(
    ("field", "value", "type"),
    [
        ("prompt", "", "string_too_short"),
        ("prompt", " \n", "string_too_short"),
        ("prompt", "a\x00b", "string_pattern_mismatch"),
        ("prompt", "a\ud800b", "string_unicode"),
        ("negative_prompt", "a\x1b[31mb", "string_pattern_mismatch"),
        ("resolution", "1080p", "literal_error"),
        ("aspect_ratio", "4:3", "literal_error"),
        ("seed", -1, "greater_than_equal"),
        ("seed", 2**53, "less_than_equal"),
        ("seed", "abc", "int_parsing"),
        ("number_of_frames", 8, "greater_than_equal"),
        ("number_of_frames", 258, "less_than_equal"),
        ("number_of_frames", 9.5, "int_from_float"),
        ("first_pass_number_of_steps", 1, "greater_than_equal"),
        ("first_pass_number_of_steps", 21, "less_than_equal"),
        ("first_pass_skip_final_steps", -1, "greater_than_equal"),
        ("first_pass_skip_final_steps", 8, "less_than"),
        ("second_pass_number_of_steps", 21, "less_than_equal"),
        ("second_pass_skip_initial_steps", 0, "greater_than_equal"),
        ("second_pass_skip_initial_steps", 8, "less_than"),
        ("frame_rate", 0, "greater_than_equal"),
        ("frame_rate", 61, "less_than_equal"),
        ("constant_rate_factor", -1, "greater_than_equal"),
        ("constant_rate_factor", 52, "less_than_equal"),
        ("tone_map_compression_ratio", 1.1, "less_than_equal"),
        ("tone_map_compression_ratio", float("nan"), "less_than_equal"),
        ("images", "photo.jpg", "tuple_type"),
    ],
)
def test_a_value_out_of_range_is_one_violation(field: str, value: Any, type: str) -> None:
    """The error names the field, has the endpoint's type and shows the value."""
    found = refusal({"prompt": "x", field: value})
    assert list(found) == [field]
    assert found[field]["type"] == type
    assert "input" in found[field]


@pytest.mark.parametrize("start", [4, 12, 121])
def test_start_frames_are_multiples_of_8(start: int) -> None:
    """Another start frame is refused with the nearest that would do."""
    line = refusal({"prompt": "x", "images": [{**IMAGE, "start_frame_num": start}]})
    violation = line["images.0.start_frame_num"]
    assert violation["type"] == "multiple_of"
    assert violation["ctx"]["multiple_of"] == 8


def test_items_have_to_fit_into_the_clip() -> None:
    """An image needs one frame from its start and a later clip nine; the limit is in the error."""
    found = refusal(
        {
            "prompt": "x",
            "number_of_frames": 17,
            "images": [
                {**IMAGE, "start_frame_num": 16},
                {**IMAGE, "start_frame_num": 24},
            ],
            "videos": [{**VIDEO, "start_frame_num": 8}, {**VIDEO, "start_frame_num": 16}],
        }
    )
    assert set(found) == {"images.1.start_frame_num", "videos.1.start_frame_num"}
    assert found["images.1.start_frame_num"]["ctx"]["le"] == 16
    assert found["videos.1.start_frame_num"]["ctx"]["le"] == 8


def test_every_violation_is_reported_at_once() -> None:
    """A caller mends a request once, not once per mistake; nothing hides behind another."""
    found = refusal(
        {
            "prompt": "",
            "num_frame": 9,
            "frame_rate": 0,
            "images": [{**IMAGE, "start_frame_num": 3, "strength": 2}, {"strenght": 1}],
        }
    )
    assert set(found) == {
        "prompt",
        "num_frame",
        "frame_rate",
        "images.0.start_frame_num",
        "images.0.strength",
        "images.1.strenght",
        "images.1.image_url",
    }


@pytest.mark.parametrize("data", [None, 3, "x", [], [{}]])
def test_what_is_no_object_is_refused(data: Any) -> None:
    """A request that is no JSON object is refused as a whole."""
    assert list(refusal(data)) == [""]


def test_the_detail_is_json_and_long_values_are_cut() -> None:
    """Whatever was sent, the detail can be sent back, and is short."""
    data = {"prompt": "x" * 100_000, "seed": float("inf"), "images": [{"image_url": 3}]}
    with pytest.raises(Refused) as caught:
        parse_request(data)
    assert len(json.dumps(caught.value.detail, allow_nan=False)) < 3000


def test_the_json_schema_describes_every_field() -> None:
    """Prefect's run form is made of titles, descriptions, defaults and ranges."""
    schema = VideoRequest.model_json_schema()
    assert schema["required"] == ["prompt"]
    objects = {"VideoRequest": schema, **schema["$defs"]}
    for name, described in objects.items():
        for field, place in described["properties"].items():
            assert place.get("description"), f"{name}.{field}"
    assert schema["properties"]["number_of_frames"]["maximum"] == 257
    image = schema["$defs"]["ImageConditioning"]["properties"]
    assert image["start_frame_num"]["multipleOf"] == 8


@pytest.mark.parametrize(
    "asked",
    [
        {"enable_detail_pass": True},
        {"temporal_adain_factor": 0.5},
        {"videos": [{**VIDEO, "conditioning_type": "pose"}]},
    ],
)
def test_what_cannot_be_done_yet_is_refused_by_name(asked: dict[str, Any]) -> None:
    """A field of the schema that has no effect would be a lie; it is refused instead."""
    request = parse_request({"prompt": "x", **asked})
    with pytest.raises(Refused) as caught:
        refuse_unsupported(request)
    (line,) = caught.value.detail
    assert line["type"] == "feature_not_supported"
    assert line["loc"][1] == next(iter(asked))


@pytest.mark.parametrize(
    "data",
    [
        {"prompt": "a", **{f"field{n}": 1 for n in range(100_000)}},
        {"prompt": "a", "images": [{}] * 10_000},
        {"prompt": "a", "x" * 1_000_000: 1},
        {"prompt": "a" * 5_000_000},
        {"prompt": "a", "seed": "1" * 1_000_000},
    ],
    ids=["fields", "items", "name", "prompt", "number"],
)
def test_a_megabyte_of_mistakes_is_a_short_refusal(data: dict[str, Any]) -> None:
    """What a stranger sends does not come back larger than it was."""
    with pytest.raises(Refused) as caught:
        parse_request(data)
    assert len(json.dumps(caught.value.detail)) < 50_000
    assert len(str(caught.value)) < 50_000


def test_a_fields_name_cannot_write_to_a_terminal() -> None:
    """An unknown name is shown without control characters, line breaks or half surrogates."""
    with pytest.raises(Refused) as caught:
        parse_request({"prompt": "a", "\x1b[31m\nERROR\u202e\ud800": 1})
    assert caught.value.detail[0]["loc"][1].startswith("[31m ERROR")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("letter", ["\x1b", "\0", "\x9b", "\u202e", "\u202d"])
def test_a_prompt_that_no_line_could_show_is_refused(letter: str) -> None:
    """Control characters and reversed text are named with their place."""
    with pytest.raises(Refused, match="at 1; remove it"):
        parse_request({"prompt": f"a{letter}b"})


def test_a_runs_name_is_one_short_line() -> None:
    """A prompt of many lines cannot pass for lines of a log, nor fill a page."""
    request = parse_request(
        {"prompt": "a cat\n12:00 | ERROR | \u2066all\u2069 is lost " + "o" * 9000}
    )
    assert request.headline.startswith("a cat 12:00 | ERROR | all is lost ooo")
    assert len(request.headline) == 60
