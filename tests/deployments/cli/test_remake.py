"""`ltx generate --from` a stranger's clip: its tags may say anything."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blocks.media_store import MediaStore
from deployments.cli.remake import recorded_request
from ltxv.errors import Refused
from ltxv.media.write import write_video
from tests.conftest import SAMPLES

FRAMES = np.zeros((2, 32, 32, 3), np.uint8)
TAGS: dict[str, Any] = {
    "generator": "LTX Flows 0",
    "model": {"checkpoint": "tiny"},
    "seed": 7,
    "ai_generated": True,
    "request": {"prompt": "a cat", "media": []},
}


@pytest.fixture
def store(prefect_server: None, tmp_path: Path) -> str:
    """The name of a saved store."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    MediaStore(root=str(tmp_path / "store")).save(name)
    return name


def clip(tmp_path: Path, **tags: Any) -> Path:
    """Write a clip that says so of itself."""
    file = tmp_path / "clip.mp4"
    write_video(FRAMES, file, frame_rate=24, comment=json.dumps({**TAGS, **tags}))
    return file


@pytest.mark.parametrize(
    "tags",
    [
        {"request": {"media": 5}},
        {"request": {"media": [1]}},
        {"request": {"media": [{"kind": "image"}]}},
        {"request": {"media": [{"kind": "file", "sha256": "a" * 64}]}},
        {"request": {"media": [{"kind": "image", "sha256": "../../outputs/secret"}]}},
        {"request": {"loras": [{"sha256": "a" * 64}]}},
        {"request": {"loras": {"path": "/etc/passwd"}}},
        {"quality": "best"},
        {"quality": ["-f"]},
    ],
)
def test_tags_of_another_form_are_refused(tmp_path: Path, store: str, tags: Any) -> None:
    """What this program would not have written is one clear error."""
    with pytest.raises(Refused, match="does not understand"):
        recorded_request(clip(tmp_path, **tags), model="tiny", store=store)


def test_a_clip_cannot_name_files_of_whoever_makes_it_again(tmp_path: Path, store: str) -> None:
    """Media come from the store by their digest, whatever address the tags have beside it."""
    kept = MediaStore.load(store).put(SAMPLES / "cat.jpg", folder="media", suffix="")
    named = {"kind": "image", "sha256": kept.sha256, "image_url": "/etc/passwd", "strength": 0.5}
    request = {
        "prompt": "a cat",
        "media": [named],
        "images": [{"image_url": "/etc/passwd"}],
        "videos": [{"video_url": "/etc/passwd"}],
    }
    made = recorded_request(clip(tmp_path, request=request), model="tiny", store=store).request
    assert "/etc/passwd" not in json.dumps(made)
    assert made["images"][0]["strength"] == 0.5
    assert made["prompt"] == "a cat"
