"""Finished clips with small damages: ``ltx inspect`` has an answer or a refusal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltxv import credentials
from ltxv.errors import Refused
from ltxv.inspection import Inspection, inspect_clip
from ltxv.media.write import write_video
from ltxv.signing_identity import development_identity
from tests.fuzz.mutations import mutations

CLAIMS: dict[str, Any] = {
    "generator": "LTX Flows 0",
    "model": {"checkpoint": "tiny"},
    "seed": 7,
    "signed": True,
    "ai_generated": True,
    "request": {"prompt": "a cat", "media": []},
}
FRAMES = np.zeros((2, 32, 32, 3), np.uint8)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A signed clip of two frames."""
    folder = tmp_path_factory.mktemp("clips")
    write_video(FRAMES, folder / "plain.mp4", frame_rate=24, comment=json.dumps(CLAIMS))
    credentials.sign(
        folder / "plain.mp4",
        folder / "signed.mp4",
        claims=CLAIMS,
        identity=development_identity(),
    )
    return (folder / "signed.mp4").read_bytes()


def inspected(file: Path) -> Inspection | None:
    """Return what is said of a file; None if it is refused."""
    try:
        found = inspect_clip(file)
    except Refused as error:
        refused = error
    else:
        assert json.loads(found.model_dump_json())
        return found
    assert len(str(refused).encode()) < 5000
    return None


@pytest.mark.parametrize("count", [300, pytest.param(2000, marks=pytest.mark.slow)])
def test_a_damaged_clip_never_passes_for_the_signed_one(
    signed: bytes, count: int, tmp_path: Path, scratch: Path
) -> None:
    """It is refused or its signature does not hold, wherever the damage is."""
    file = tmp_path / "clip.mp4"
    for damaged in mutations(signed, count=count, head=2000):
        file.write_bytes(damaged)
        found = inspected(file)
        if damaged != signed:
            assert found is None or found.credentials.state != "valid"
    assert list(scratch.iterdir()) == []
    file.write_bytes(signed)
    found = inspected(file)
    assert found is not None
    assert found.credentials.state == "valid"


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
TAGS = st.fixed_dictionaries(
    {"generator": JSON},
    optional=dict.fromkeys(
        ("model", "seed", "signed", "ai_generated", "request", "versions", "quality", "x"), JSON
    ),
)


@settings(max_examples=60)
@given(tags=st.one_of(JSON, TAGS))
def test_any_tags_are_understood_or_refused(tags: Any, tmp_path: Path, scratch: Path) -> None:
    """A file may say of itself whatever it likes."""
    file = tmp_path / "clip.mp4"
    write_video(FRAMES, file, frame_rate=24, comment=json.dumps(tags))
    inspected(file)
