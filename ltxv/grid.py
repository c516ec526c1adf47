"""A grid of settings: every combination of some values for some fields of a request."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ltxv.errors import Refused, Violation
from ltxv.request import VideoRequest, parse_request

MAX_CELLS = 100


class GridCell(NamedTuple):
    """One combination."""

    settings: Mapping[str, Any]
    """The fields that differ, by their dotted names, in the order of the grid."""
    request: VideoRequest

    @property
    def caption(self) -> str:
        """What tells the cell from the others, a line for each field."""
        return "\n".join(f"{name} {shown(value)}" for name, value in self.settings.items())


def grid_cells(request: VideoRequest, grid: Mapping[str, Sequence[Any]]) -> list[GridCell]:
    """Return a request for each combination; the last field of the grid changes fastest.

    Args:
        request: What they have in common.
        grid: Values by field; fields of items are dotted, as in ``loras.0.scale``.

    Raises:
        Refused: A field is not known or has no values, a value does not fit, or there are more
            than 100 combinations.
    """
    _refuse_odd(grid)
    base = request.model_dump(mode="json")
    cells: list[GridCell] = []
    wrong: dict[str, Violation] = {}
    for values in itertools.product(*grid.values()):
        settings = dict(zip(grid, values, strict=True))
        try:
            cells.append(GridCell(settings, parse_request(_changed(base, settings))))
        except Refused as refused:
            wrong.update({str(violation): violation for violation in refused.violations})
    if wrong:
        raise Refused(*wrong.values())
    return cells


def shown(value: Any) -> str:
    """Return a value of a grid as a table shows it."""
    return " ".join(value.split()) if isinstance(value, str) else json.dumps(value)


def _refuse_odd(grid: Mapping[str, Sequence[Any]]) -> None:
    if not grid:
        raise _refused(
            (), "is empty; give at least one field and its values, such as seed: [1, 2]", grid
        )
    for name, values in grid.items():
        if not values:
            raise _refused((name,), "has no values; give at least one", values)
        if len({shown(value) for value in values}) < len(values):
            raise _refused((name,), "has a value twice; give each once", values)
    count = math.prod(len(values) for values in grid.values())
    if count > MAX_CELLS:
        raise _refused(
            (),
            f"has {count} combinations, at most {MAX_CELLS} are made; give fewer values",
            count,
        )


def _changed(base: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a request's JSON with fields set by their dotted names."""
    changed: dict[str, Any] = json.loads(json.dumps(base))
    for name, value in settings.items():
        *path, last = name.split(".")
        place: Any = changed
        for part in path:
            place = _inside(place, part, name)
        if isinstance(place, list):
            _inside(place, last, name)
            place[int(last)] = value
        elif isinstance(place, dict):
            place[last] = value
        else:
            raise _no_such(name)
    return changed


def _inside(place: Any, part: str, name: str) -> Any:
    if isinstance(place, list) and part.isdecimal() and int(part) < len(place):
        return place[int(part)]
    if isinstance(place, dict) and part in place:
        return place[part]
    raise _no_such(name)


def _no_such(name: str) -> Refused:
    return _refused((name,), "the request has no such part; name a field of it, such as seed", name)


def _refused(loc: tuple[str, ...], said: str, value: Any) -> Refused:
    return Refused.because(("grid", *loc), said, type="value_error", input=str(value))
