"""Sweeps: many settings, every shared stage once."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from flows.sweep import sweep_settings
from flows.sweep_report import SweepResult
from ltxv.errors import Refused
from ltxv.result import File
from tests.flows.conftest import House, small_request
from tests.flows.test_generate import states


def swept(house: House, grid: dict[str, list[Any]], **options: Any) -> SweepResult:
    """Run a sweep over the small request."""
    return sweep_settings(
        small_request(), grid, model=house.model, store=house.store, safety=house.safety, **options
    )


def bytes_of(file: File | None) -> bytes:
    """Return what was published."""
    assert file is not None
    return Path(unquote(urlsplit(file.url).path)).read_bytes()


def test_cells_share_what_they_can_as_the_plan_says(house: House) -> None:
    """Four cells over the second pass run the first once; the plan counts what then runs."""
    grid = {"second_pass_number_of_steps": [4, 5], "reverse_video": [False, True]}
    planned = swept(house, grid, dry_run=True)
    assert (planned.cells, planned.sheet, planned.table) == ((), None, None)
    assert not list((house.root / "latents").rglob("*"))
    made = swept(house, grid)
    assert made.plan == planned.plan
    ran = [
        name
        for cell in made.cells
        if cell.result is not None
        for name, state in states(cell.result).items()
        if state == "ran"
    ]
    stages = ["encode_prompt", "first_pass", "second_pass", "decode"]
    assert {name: ran.count(name) for name in stages} == made.plan.stages
    assert made.plan.stages == dict(zip(stages, [1, 1, 2, 4], strict=True))
    assert made.plan.gpu_seconds < made.plan.gpu_seconds_unshared
    assert bytes_of(made.sheet).startswith(b"\xff\xd8")
    table = list(csv.DictReader(bytes_of(made.table).decode().splitlines()))
    assert [(row["second_pass_number_of_steps"], row["reverse_video"]) for row in table] == [
        ("4", "false"),
        ("4", "true"),
        ("5", "false"),
        ("5", "true"),
    ]
    assert {row["used seed"] for row in table} == {"7"}


def test_a_refused_cell_does_not_stop_the_others(house: House) -> None:
    """The table and the result say which prompt was refused; the other video is there."""
    made = swept(house, {"prompt": ["=a cat", "a naked woman having sex"]})
    fine, refused = made.cells
    assert fine.result is not None
    assert refused.result is None
    assert "refused by the safety check" in str(refused.error)
    table = list(csv.DictReader(bytes_of(made.table).decode().splitlines()))
    assert table[0]["prompt"] == "'=a cat"
    assert table[1]["error"] == refused.error


def test_a_grid_is_refused_before_anything_runs(new_house: Callable[..., House]) -> None:
    """An unknown field, or a sweep whose every cell is refused, is one error."""
    house = new_house(refuse_at=0.0)
    with pytest.raises(Refused, match="did you mean 'seed'"):
        swept(house, {"sede": [1]})
    assert not house.root.exists()
    with pytest.raises(Refused) as caught:
        swept(house, {"seed": [1]})
    assert caught.value.detail[0]["type"] == "content_policy_violation"
