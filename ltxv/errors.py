"""What can go wrong, one exception per reaction.

``Refused`` is the caller's to mend and is never retried; ``Transient`` is worth another try;
``Misconfigured`` is the operator's; ``Cancelled`` was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Loc = tuple[str | int, ...]

_SHOWN_INPUT = 120


class LTXError(Exception):
    """The base of every error this project raises on purpose; its text is fit for users."""


@dataclass(frozen=True)
class Violation:
    """One reason for a refusal, in the endpoint's own terms.

    ``loc`` is the path of the field below the request, such as ``("images", 0, "image_url")``;
    ``type`` is the endpoint's error type; ``msg`` has the limit and the remedy.
    """

    loc: Loc
    msg: str
    type: str
    ctx: Mapping[str, Any] = field(default_factory=dict)
    input: Any = None

    def as_detail(self) -> dict[str, Any]:
        """Return the entry of the endpoint's ``detail`` list, rooted at ``body``."""
        detail: dict[str, Any] = {
            "loc": ["body", *self.loc],
            "msg": self.msg,
            "type": self.type,
            "input": shortened(self.input),
        }
        if self.ctx:
            detail["ctx"] = dict(self.ctx)
        return detail

    def __str__(self) -> str:
        where = ".".join(str(part) for part in self.loc) or "request"
        return f"{where}: {self.msg}"


class Refused(LTXError):
    """The request cannot be served as it stands; sending it again changes nothing."""

    def __init__(self, *violations: Violation) -> None:
        self.violations: Sequence[Violation] = violations
        super().__init__("; ".join(str(violation) for violation in violations))

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), tuple(self.violations))

    @property
    def detail(self) -> list[dict[str, Any]]:
        """The endpoint's ``detail`` list: one ``{loc, msg, type, ctx, input}`` per violation."""
        return [violation.as_detail() for violation in self.violations]

    @classmethod
    def because(cls, loc: Loc, msg: str, *, type: str, input: Any = None, **ctx: Any) -> Refused:
        """Return a refusal with a single violation."""
        return cls(Violation(loc=loc, msg=msg, type=type, ctx=ctx, input=input))


class Transient(LTXError):
    """A fault of the moment (a network, a busy server): the same call may succeed later.

    Raised with a text, or with the ``Violation`` that tells the caller why once every try failed.
    """

    def __init__(self, reason: str | Violation = "") -> None:
        self.violation = reason if isinstance(reason, Violation) else None
        self._reason = reason
        super().__init__(str(reason))

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self._reason,))


class Misconfigured(LTXError):
    """The installation cannot do this: weights, a binary, a store or a disk needs its operator."""


class EngineFault(Misconfigured):
    """The model's device ran out of memory or failed: its process is to be started anew."""


class Cancelled(LTXError):
    """The work was asked to stop between two steps."""


class Abandoned(BaseException):
    """What this process works with is gone for good: it has to end as if it had been killed.

    No ``Exception``, so that nothing makes a failure of it: the run has crashed, and may be
    started again elsewhere.
    """


def shortened(value: Any, limit: int = _SHOWN_INPUT) -> Any:
    """Return ``value`` fit for a message: long text is cut, other values pass."""
    if isinstance(value, str) and len(value) > limit:
        return f"{value[:limit]}… ({len(value)} characters)"
    return value
