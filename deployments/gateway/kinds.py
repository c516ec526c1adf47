"""What the sibling endpoints ask for, in the words of the one that takes everything.

``fal-ai/ltx-video-13b-distilled`` takes a prompt alone, ``…/image-to-video`` a picture,
``…/extend`` a clip; each is a request of ``…/multiconditioning`` whose one item has its own name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ltxv.errors import Loc, Refused, Violation
from ltxv.request import VideoRequest, parse_request

_ITEMS = ("images", "videos")
_ITEM_LOC = 2
"""Parts of a location that name the item: the list and the number."""


@dataclass(frozen=True)
class Kind:
    """One endpoint of a family."""

    path: str
    """What its id has after the family's; empty for the family's own."""
    field: str | None = None
    """Field that holds its item; None if it has none, or the lists."""
    items: str | None = None
    """List that the item is in."""
    whole: bool = False
    """Whether the field is the whole item, and not its address alone."""

    @property
    def takes_lists(self) -> bool:
        """Whether it is the one that takes everything."""
        return self.path == "multiconditioning"

    def request(self, data: Any, defaults: Mapping[str, Any]) -> VideoRequest:
        """Return the request that a body of this endpoint stands for.

        Args:
            data: The body, as JSON.
            defaults: Of the family, where they are not the request's own.

        Raises:
            Refused: With the endpoint's own fields.
        """
        if not isinstance(data, Mapping):
            return parse_request(data)
        asked: dict[str, Any] = {**defaults, **data}
        if self.takes_lists:
            return parse_request(asked)
        wrong = [_stray(name, asked.pop(name)) for name in _ITEMS if name in asked]
        if self.field is not None and self.items is not None:
            if self.field not in asked:
                wrong.append(_missing(self.field))
            else:
                item = asked.pop(self.field)
                asked[self.items] = [item if self.whole else {self.field: item}]
        try:
            made = parse_request(asked)
        except Refused as refused:
            own = (replace(one, loc=self.own(one.loc)) for one in refused.violations)
            raise Refused(*wrong, *own) from None
        if wrong:
            raise Refused(*wrong)
        return made

    def own(self, loc: Loc) -> Loc:
        """Return a location in the request as this endpoint calls it."""
        if self.field is None or loc[:_ITEM_LOC] != (self.items, 0):
            return loc
        rest = loc[_ITEM_LOC:]
        return (self.field, *rest) if self.whole else (self.field,)

    def own_details(self, details: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the endpoint's list of what is wrong, in its own words."""
        return [
            {**one, "loc": ["body", *self.own(tuple(one.get("loc", ()))[1:])]} for one in details
        ]


KINDS: Mapping[str, Kind] = {
    kind.path: kind
    for kind in (
        Kind("multiconditioning"),
        Kind(""),
        Kind("image-to-video", field="image_url", items="images"),
        Kind("extend", field="video", items="videos", whole=True),
    )
}
"""All endpoints that a family has."""


def _stray(name: str, value: Any) -> Violation:
    said = "is not a field of this endpoint; send it to …/multiconditioning"
    shown = value if isinstance(value, str | int | float) else None
    return Violation(loc=(name,), msg=said, type="extra_forbidden", input=shown)


def _missing(name: str) -> Violation:
    return Violation(loc=(name,), msg="field required", type="missing")
