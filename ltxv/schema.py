"""The base of the endpoint's objects: later names understood, unknown ones explained."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from ltxv.errors import Loc, Refused, Violation, shortened
from ltxv.frozen import Frozen
from ltxv.plain_text import one_line

_MOST_VIOLATIONS = 50
"""Listed one by one; who makes more mistakes learns nothing from the others."""

_NAME_SHOWN = 60


class EndpointObject(Frozen):
    """An object of the endpoint's schema.

    A field may be given by a later generation's name; an unknown one is an error that says which
    field was probably meant.
    """

    model_config = ConfigDict(
        field_title_generator=lambda name, _: name.replace("_", " ").capitalize()
    )
    later_names: ClassVar[Mapping[str, str]] = {}
    """Names that later generations of the endpoint gave to fields of this one."""

    @model_validator(mode="wrap")
    @classmethod
    def _understand(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, Mapping):
            return handler(data)
        named, wrong = cls._by_own_names(data)
        if not wrong:
            return handler(named)
        try:
            handler(named)
        except ValidationError as error:
            wrong += [_again(line) for line in error.errors()]
        raise ValidationError.from_exception_data(cls.__name__, wrong)

    @classmethod
    def _by_own_names(
        cls, data: Mapping[Any, Any]
    ) -> tuple[dict[Any, Any], list[InitErrorDetails]]:
        named: dict[Any, Any] = {}
        wrong: list[InitErrorDetails] = []
        for name, value in data.items():
            own = cls.later_names.get(name, name)
            if own not in cls.model_fields:
                if len(wrong) > _MOST_VIOLATIONS:
                    continue
                wrong.append(violation((str(name),), cls._unknown(str(name)), value=value))
            elif own != name and own in data:
                said = PydanticCustomError(
                    "one_of",
                    "is the later name of '{own}', which is given too; send one of them",
                    {"own": own},
                )
                wrong.append(violation((str(name),), said, value=value))
            else:
                named[own] = value
        return named, wrong

    @classmethod
    def _unknown(cls, name: str) -> PydanticCustomError:
        known = [*cls.model_fields, *cls.later_names]
        near = difflib.get_close_matches(name[:_NAME_SHOWN].lower(), known, n=1, cutoff=0.5)
        if near:
            return PydanticCustomError(
                "extra_forbidden", "is not a field; did you mean '{nearest}'?", {"nearest": near[0]}
            )
        return PydanticCustomError(
            "extra_forbidden",
            "is not a field; the fields are {fields}",
            {"fields": ", ".join(cls.model_fields)},
        )


def choices(*titles: str) -> Callable[[dict[str, Any]], None]:
    """Return what gives each kind of value that a field takes a title in its JSON schema.

    A form shows a tab for each of them, which would be named `int` and `None`.
    """

    def name(schema: dict[str, Any]) -> None:
        for kind, title in zip(schema["anyOf"], titles, strict=True):
            kind["title"] = title

    return name


def violation(loc: Loc, error: PydanticCustomError, *, value: Any) -> InitErrorDetails:
    """Return one line of a ``ValidationError``."""
    return InitErrorDetails(type=error, loc=loc, input=shortened(value))


def refusal(error: ValidationError) -> Refused:
    """Return what pydantic found as the endpoint's list of violations."""
    return Refused(*_violations(error))


def _violations(error: ValidationError) -> Iterable[Violation]:
    lines = error.errors(include_url=False)
    yield from map(_violation, lines[:_MOST_VIOLATIONS])
    if len(lines) > _MOST_VIOLATIONS:
        yield Violation(
            loc=(),
            msg=f"has more than {_MOST_VIOLATIONS} mistakes; mend those that are listed first",
            type="too_many_errors",
            ctx={"max_errors": _MOST_VIOLATIONS},
        )


def _violation(line: ErrorDetails) -> Violation:
    ctx = {
        key: value
        for key, value in line.get("ctx", {}).items()
        if isinstance(value, str | int | float)
    }
    msg = line["msg"][:1].lower() + line["msg"][1:]
    shown = _shown(line["input"])
    if shown is not None:
        msg = f"{msg} (it is {shown!r})"
    # A field that is not ours has whatever name a stranger gave it.
    loc = tuple(
        one_line(part, most=_NAME_SHOWN) if isinstance(part, str) else part for part in line["loc"]
    )
    return Violation(loc=loc, msg=msg, type=line["type"], ctx=ctx, input=shown)


def _shown(value: Any) -> Any:
    """Return a scalar as JSON can carry it; a whole object or list says nothing of use."""
    if isinstance(value, str):
        return shortened(value)
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value if isinstance(value, int | float) else None


def _again(line: ErrorDetails) -> InitErrorDetails:
    """Return a line of a caught error in the form that makes a new one."""
    error = PydanticCustomError(line["type"], line["msg"], line.get("ctx"))
    return InitErrorDetails(type=error, loc=line["loc"], input=line["input"])
