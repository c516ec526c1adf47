"""Any JSON at the door: a request, or a refusal that says what is wrong with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ltxv.checkpoints import find_checkpoint
from ltxv.conditioning_items import ImageConditioning, LoRAWeight, VideoConditioning
from ltxv.errors import Refused
from ltxv.plan import resolve
from ltxv.provenance import file_name, provenance
from ltxv.refs import MediaRef
from ltxv.request import VideoRequest, parse_request

TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
"""With half surrogates, which JSON can name and no encoding has."""
FIELDS = sorted({*VideoRequest.model_fields, *VideoRequest.later_names})
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-1, max_value=300),
    st.floats(),
    TEXT,
    st.sampled_from(["720p", "1:1", "auto", "depth", "https://a.example/b.png", "1e400", "NaN"]),
)
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=12,
)
ITEM_FIELDS = st.sampled_from(
    sorted(
        {*ImageConditioning.model_fields, *VideoConditioning.model_fields, *LoRAWeight.model_fields}
    )
)
ITEMS = st.lists(st.dictionaries(ITEM_FIELDS, st.one_of(SCALARS, ANY_JSON), max_size=5), max_size=3)
REQUESTS = st.dictionaries(
    st.one_of(st.sampled_from(FIELDS), TEXT),
    st.one_of(SCALARS, ITEMS, ANY_JSON),
    max_size=8,
)
NEARLY_RIGHT = st.fixed_dictionaries(
    {"prompt": TEXT},
    optional={
        "number_of_frames": st.integers(9, 257),
        "frame_rate": st.integers(1, 60),
        "seed": st.integers(0, 2**53 - 1),
        "resolution": st.sampled_from(["480p", "720p"]),
        "aspect_ratio": st.sampled_from(["9:16", "1:1", "16:9", "auto"]),
        "constant_rate_factor": st.integers(0, 60),
        "images": st.lists(
            st.fixed_dictionaries(
                {"image_url": st.text(max_size=30)},
                optional={
                    "start_frame_num": st.integers(-8, 264),
                    "strength": st.floats(0, 1),
                },
            ),
            max_size=3,
        ),
    },
)


def parsed(data: Any) -> VideoRequest | None:
    """Return the request, or None if it is refused in a form that a client can read."""
    try:
        return parse_request(data)
    except Refused as error:
        refused = error
    detail = json.loads(json.dumps(refused.detail, allow_nan=False))
    assert all(line["loc"][0] == "body" and line["msg"] for line in detail)
    assert len(str(refused).encode()) < 100_000
    return None


@settings(max_examples=400)
@given(st.one_of(ANY_JSON, REQUESTS))
@example({"prompt": "\ud800"})
@example({"\ud800": 1, "prompt": "a"})
@example({"prompt": "a", "images": [{"image_url": "\ud800"}]})
@example({"prompt": "a", "images": {"0": {"image_url": "x"}}})
def test_any_json_is_a_request_or_a_refusal(data: Any) -> None:
    """Nothing else comes out, and what comes out can be sent on as JSON."""
    request = parsed(data)
    if request is not None:
        assert request.model_dump_json()


@settings(max_examples=200)
@given(NEARLY_RIGHT)
def test_a_request_survives_the_way_through_json(data: dict[str, Any]) -> None:
    """What a server passes on to a worker is the same request there."""
    request = parsed(data)
    if request is not None:
        assert parse_request(json.loads(request.model_dump_json())) == request
        assert parse_request(request.model_dump()) == request


@settings(max_examples=150)
@given(NEARLY_RIGHT)
def test_whatever_is_accepted_can_be_planned_named_and_described(data: dict[str, Any]) -> None:
    """A prompt that the door lets in breaks no plan, no file name and no tag of a file."""
    request = parsed({**data, "images": []})
    if request is None:
        return
    model = find_checkpoint("tiny").identity(dtype="float32", device="cpu")
    plan = resolve(request, [], model=model, seed=0)
    clip = MediaRef(
        path="a",
        sha256="a" * 64,
        size=1,
        kind="video",
        content_type="video/mp4",
        width=2,
        height=2,
        frames=1,
        frame_rate=1,
    )
    name = file_name(plan, clip)
    assert name.isascii()
    assert "/" not in name
    assert not name.startswith(".")
    assert len(name) < 100
    said = provenance(request, plan, [])
    assert json.loads(said.comment)["request"]["prompt"] == request.prompt
    assert "\0" not in said.comment + said.title
    said.comment.encode()


@pytest.mark.slow
@settings(max_examples=8_000)
@given(st.one_of(ANY_JSON, REQUESTS, NEARLY_RIGHT))
def test_any_json_is_a_request_or_a_refusal_at_length(data: Any) -> None:
    """The same, twenty times as often."""
    request = parsed(data)
    if request is not None:
        assert parse_request(json.loads(request.model_dump_json())) == request
