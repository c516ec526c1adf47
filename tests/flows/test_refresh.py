"""Runs that are to use nothing of what was made before them."""

from __future__ import annotations

from flows.generate import generate_video
from ltxv.result import VideoResult
from tests.flows.conftest import House, small_request


def made(house: House, *, refresh: bool) -> VideoResult:
    """Run the flow on a small request."""
    return generate_video(
        small_request(),
        model=house.model,
        store=house.store,
        safety=house.safety,
        refresh=refresh,
    )


def states(result: VideoResult) -> set[str]:
    """Return what the stages of a request without media and extras did."""
    return {record.state for record in result.stages} - {"skipped"}


def test_a_refreshed_run_makes_every_stage_anew(house: House) -> None:
    """Nothing is taken from the store, the pixels are the same, and later runs use the new.

    The upload is that of a clip which is signed anew and so is another file.
    """
    house.make()
    records = house.root / "results"
    before = {path: path.stat().st_mtime_ns for path in records.glob("*/*")}
    before = {path: moment for path, moment in before.items() if path.parent.name != "upload"}
    latents = {path.name for path in (house.root / "latents").rglob("*.safetensors")}
    assert states(made(house, refresh=True)) == {"ran"}
    assert all(path.stat().st_mtime_ns > moment for path, moment in before.items())
    assert {path.name for path in (house.root / "latents").rglob("*.safetensors")} == latents
    assert states(made(house, refresh=False)) == {"cached"}
