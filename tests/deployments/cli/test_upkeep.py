"""What keeps a store small and fresh from the command line: `ltx upkeep`, `--refresh`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from typer.testing import CliRunner

from deployments.cli.main import app
from tests.flows.conftest import House, new_house
from tests.flows.test_upkeep import set_back

__all__ = ["new_house"]

SMALL = [
    *["--resolution", "480p", "--aspect-ratio", "1:1", "--frames", "9", "--seed", "3"],
    *["--set", "first_pass_number_of_steps=2", "--set", "second_pass_number_of_steps=2"],
    *["--set", "second_pass_skip_initial_steps=1"],
]


def ltx(*arguments: str) -> tuple[dict[str, Any], str]:
    """Run the command; return its JSON and what it said beside it."""
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def generate(house: House, *options: str) -> set[str]:
    """Make the same small video; return what its stages did."""
    blocks = ["--model", house.model, "--store", house.store, "--safety", house.safety]
    result, _ = ltx("generate", "--prompt", "a cat", *SMALL, *blocks, *options)
    return {stage["state"] for stage in result["stages"]} - {"skipped"}


def test_a_refreshed_video_takes_nothing_from_the_store(new_house: Callable[..., House]) -> None:
    """With --refresh every stage runs again, and without it the next takes what that made."""
    house = new_house()
    assert generate(house) == {"ran"}
    assert generate(house, "--refresh") == {"ran"}
    assert generate(house) == {"cached"}


def test_upkeep_says_what_goes_and_removes_it(new_house: Callable[..., House]) -> None:
    """A dry run leaves all as it is; the second real one after the grace frees what it says."""
    house = new_house()
    generate(house)
    set_back(house.root, 100)
    before = sorted(house.root.rglob("*"))
    upkeep = ["upkeep", "--store", house.store, "--max-age-days", "30"]
    plan, said = ltx(*upkeep, "--dry-run")
    assert (plan["dry_run"], plan["notes"]) == (True, 1)
    assert said.startswith("would free 0.0 MB: 0 files of content, 1 notes of runs")
    assert sorted(house.root.rglob("*")) == before
    assert ltx(*upkeep)[0]["records"] == plan["records"]
    set_back(house.root, 2)
    size = sum(path.stat().st_size for path in house.root.rglob("*") if path.is_file())
    last, said = ltx(*upkeep)
    assert last["freed_bytes"] == size - last["published_bytes"]
    assert said.startswith(f"freed {last['freed_bytes'] / 1e6:.1f} MB")
    assert {path.parts[len(house.root.parts)] for path in house.root.rglob("*")} == {"outputs"}
    assert ltx("upkeep", "--store", house.store, "--max-age-days", "30")[0]["payloads"] == 0
