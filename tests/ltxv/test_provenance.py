"""What a file says of itself."""

from __future__ import annotations

import json

import pytest

from ltxv.plan import Plan
from ltxv.provenance import file_name, provenance
from ltxv.refs import MediaRef
from ltxv.request import parse_request
from tests.ltxv.test_plan import Found, planned

SECRET_URL = "https://example.com/a.jpg?token=secret"


def found(sha256: str = "ab" * 32) -> MediaRef:
    """Return a picture in the store."""
    return MediaRef(
        path="media/x",
        sha256=sha256,
        size=1,
        kind="image",
        content_type="image/jpeg",
        width=600,
        height=400,
        frames=1,
        frame_rate=0,
    )


def plan_of(prompt: str) -> Plan:
    """Return a plan for ``prompt`` with one image."""
    return planned(Found(), prompt=prompt, images=[{"image_url": SECRET_URL}])


def test_the_comment_repeats_the_request_without_its_urls() -> None:
    """Seed, model, mark and media digests are there; addresses, which may be secret, are not."""
    request = parse_request({"prompt": "a cat", "images": [{"image_url": SECRET_URL}]})
    tags = provenance(request, plan_of("a cat"), [found()])
    said = json.loads(tags.comment)
    assert said["ai_generated"] is True
    assert said["seed"] == 1
    assert said["model"]["revision"] == "r"
    assert said["request"]["media"] == [
        {"kind": "image", "sha256": "ab" * 32, "start_frame_num": 0, "strength": 1.0}
    ]
    assert said["request"]["number_of_frames"] == 121
    assert "secret" not in tags.comment + tags.title


@pytest.mark.parametrize(
    ("prompt", "start"),
    [
        ("A cat, turning its head!", "a-cat-turning-its-head-1-"),
        ("Ünïcödé Straße", "unicode-strae-1-"),
        ("日本", "video-1-"),
        ("../../etc/passwd", "etc-passwd-1-"),
        ("x" * 500, "x" * 40 + "-1-"),
    ],
)
def test_names_are_plain_and_tell_clips_apart(prompt: str, start: str) -> None:
    """A name has the prompt's letters, the seed and the content's digest, and nothing else."""
    name = file_name(plan_of(prompt), found("cd" * 32))
    assert name == f"{start}cdcdcdcd.mp4"
