"""A difference between the files and the server, and what removes it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Sign = Literal["+", "~", "-"]
Kind = Literal["work pool", "work queue", "deployment", "schedule", "automation"]

_SECRET = re.compile(r"key|secret|password|token|credential|auth", re.IGNORECASE)
_LONGEST = 100
_NOTHING = object()


class Field(NamedTuple):
    """A field that changes."""

    name: str
    old: str
    new: str


@dataclass(frozen=True)
class Change:
    """Something that is added, changed, or no longer in the files."""

    sign: Sign
    kind: Kind
    name: str
    do: Callable[[], None]
    """Makes the change at the server."""
    fields: tuple[Field, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.sign} {self.kind} {self.name}"]
        lines += [f"    {field.name}: {field.old} → {field.new}" for field in self.fields]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Return what it is, without how it is made."""
        fields = [field._asdict() for field in self.fields]
        return {"change": self.sign, "kind": self.kind, "name": self.name, "fields": fields}


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Field, ...]:
    """Return the fields that differ, nested ones by dotted names; what looks secret is hidden."""
    before, after = dict(_flat(old)), dict(_flat(new))
    names = [*before, *(name for name in after if name not in before)]
    return tuple(
        Field(name, _shown(name, before), _shown(name, after))
        for name in names
        if before.get(name, _NOTHING) != after.get(name, _NOTHING)
    )


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield from _flat(inner, f"{prefix}{name}.")
        elif isinstance(inner, list) and any(isinstance(item, Mapping) for item in inner):
            numbered = {str(number): item for number, item in enumerate(inner)}
            yield from _flat(numbered, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", inner


def _shown(name: str, fields: Mapping[str, Any]) -> str:
    if name not in fields:
        return "none"
    if _SECRET.search(name):
        return "(hidden)"
    text = json.dumps(fields[name], ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
