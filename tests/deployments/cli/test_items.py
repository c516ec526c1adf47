"""Conditioning items as the command line writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployments.cli.items import item


@pytest.mark.parametrize(
    ("text", "placed"),
    [
        ("https://a.b/c.jpg", {"x": "https://a.b/c.jpg"}),
        ("https://a.b:80/c.jpg@8", {"x": "https://a.b:80/c.jpg", "start_frame_num": 8}),
        (
            "https://me@a.b/c@d.jpg@120:0.8",
            {"x": "https://me@a.b/c@d.jpg", "start_frame_num": 120, "strength": 0.8},
        ),
        (
            "https://a.b/c.jpg@0:.5",
            {"x": "https://a.b/c.jpg", "start_frame_num": 0, "strength": 0.5},
        ),
        ("https://a.b/c.jpg@x", {"x": "https://a.b/c.jpg@x"}),
        (
            "data:image/png;base64,AA==@16",
            {"x": "data:image/png;base64,AA==", "start_frame_num": 16},
        ),
        ("s3://bucket/a.mp4@24", {"x": "s3://bucket/a.mp4", "start_frame_num": 24}),
    ],
)
def test_urls_keep_their_own_signs(text: str, placed: dict[str, Any]) -> None:
    """Only an end of @START[:STRENGTH] is taken off."""
    assert item(text, field="x") == placed


def test_paths_are_seen_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path becomes an absolute one, and a file of that very name wins."""
    monkeypatch.chdir(tmp_path)
    assert item("a.jpg@8", field="x") == {"x": str(tmp_path / "a.jpg"), "start_frame_num": 8}
    (tmp_path / "a.jpg@8").touch()
    assert item("a.jpg@8", field="x") == {"x": str(tmp_path / "a.jpg@8")}
