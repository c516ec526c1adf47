"""Grids of settings."""

from __future__ import annotations

from typing import Any

import pytest

from ltxv.errors import Refused
from ltxv.grid import grid_cells
from ltxv.request import parse_request

LORAS = [{"path": "https://a.example/a.safetensors", "scale": 1.0}]


def test_every_combination_is_a_request() -> None:
    """The last field changes fastest; fields of items are reached by dotted names."""
    request = parse_request({"prompt": "x", "loras": LORAS})
    cells = grid_cells(request, {"seed": [1, 2], "loras.0.scale": [0.5, 1.5]})
    assert [(c.request.seed, c.request.loras[0].scale) for c in cells] == [
        (1, 0.5),
        (1, 1.5),
        (2, 0.5),
        (2, 1.5),
    ]
    assert cells[0].caption == "seed 1\nloras.0.scale 0.5"
    assert request.loras[0].scale == 1.0


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ({}, "grid: is empty"),
        ({"seed": []}, "grid.seed: has no values"),
        ({"seed": [1, 1]}, "grid.seed: has a value twice"),
        ({"sede": [1]}, "did you mean 'seed'"),
        ({"loras.1.scale": [1]}, "grid.loras.1.scale: the request has no such part"),
        ({"loras.0.scales": [1]}, "scale"),
        ({"prompt.text": ["x"]}, "grid.prompt.text: the request has no such part"),
        ({"constant_rate_factor": [20, 99]}, "constant_rate_factor"),
        ({"seed": [*range(200)], "frame_rate": [*range(1, 51)]}, "has 10000 combinations"),
    ],
)
def test_a_grid_that_cannot_be_made_is_refused(grid: dict[str, Any], said: str) -> None:
    """The refusal names the field, and nothing is tried."""
    with pytest.raises(Refused) as caught:
        grid_cells(parse_request({"prompt": "x", "loras": LORAS}), grid)
    assert said in str(caught.value)
