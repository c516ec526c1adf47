"""YAML files whose mistakes are told by line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from ltxv.errors import Loc, Misconfigured, Refused, Violation

_DEEPEST = 40

M = TypeVar("M", bound=BaseModel)


class YamlFile(NamedTuple):
    """What a file says, and where it says it."""

    path: Path
    data: Any
    lines: Mapping[Loc, int]

    def violation(self, loc: Loc, said: str) -> Violation:
        """Return a mistake at a field, named by file, line and path."""
        known = loc
        while known and known not in self.lines:
            known = known[:-1]
        field = ".".join(map(str, loc))
        where = f"{self.path.name} line {self.lines.get(known, 1)}"
        return Violation((f"{where}, {field}" if field else where,), said, type="value_error")

    def parsed(self, kind: type[M], *, fields: Sequence[str]) -> M:
        """Return the content as ``kind``; ``fields`` are the names to propose for unknown ones.

        Raises:
            Refused: Something is missing, unknown or of the wrong type.
        """
        try:
            return kind.model_validate(self.data)
        except ValidationError as error:
            wrong = [
                self.violation(
                    tuple(one["loc"]), _said(one["type"], one["msg"], one["loc"], fields)
                )
                for one in error.errors(include_url=False)
            ]
        raise Refused(*wrong)


def read_yaml(path: Path) -> YamlFile:
    """Read a YAML file; nothing in it can construct an object.

    Raises:
        Misconfigured: It cannot be read.
        Refused: It is not YAML.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} cannot be read: {error}; name the file with --file") from error
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        data = None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = 1 if mark is None else mark.line + 1
        said = getattr(error, "problem", None) or str(error)
        raise Refused.because(
            (f"{path.name} line {line}",), f"is not YAML: {said}", type="yaml_invalid"
        ) from error
    finally:
        loader.dispose()
    return YamlFile(path, {} if data is None else data, dict(_lines(node, ())))


def _lines(node: yaml.Node | None, loc: Loc) -> Iterator[tuple[Loc, int]]:
    if len(loc) > _DEEPEST:
        return
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*loc, key.value), key.start_mark.line + 1
            yield from _lines(value, (*loc, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield (*loc, number), value.start_mark.line + 1
            yield from _lines(value, (*loc, number))


def _said(kind: str, message: str, loc: Loc, fields: Sequence[str]) -> str:
    if kind != "extra_forbidden":
        return message
    near = difflib.get_close_matches(str(loc[-1]), fields, n=1)
    return f"there is no such field{f'; do you mean {near[0]}?' if near else ''}"
