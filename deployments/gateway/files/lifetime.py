"""How long a file is kept and who may open it, as the clients' headers say."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from starlette.datastructures import Headers

from blocks.uploads import Access
from deployments.gateway.failures import Failure

HEADERS = ("x-fal-object-lifecycle", "x-fal-object-lifecycle-preference")
_MOST_SECONDS = 100 * 365 * 24 * 3600
_MOST_RULES = 20
"""They are part of an upload's address."""


class Rule(BaseModel):
    """What one key may do."""

    user: str = Field(max_length=64)
    decision: Access


class Acl(BaseModel):
    """Who may open a file."""

    default: Access = "allow"
    rules: list[Rule] = Field(default_factory=list, max_length=_MOST_RULES)


class Lifecycle(BaseModel):
    """What the header says."""

    expiration_duration_seconds: int | None = Field(default=None, ge=0, le=_MOST_SECONDS)
    initial_acl: Acl = Field(default_factory=Acl)

    @property
    def seconds(self) -> int | None:
        """How long a file is kept; None for good, which the clients also write as 0."""
        return self.expiration_duration_seconds or None

    @property
    def access_of(self) -> dict[str, Access]:
        """What single keys may do."""
        return {rule.user: rule.decision for rule in self.initial_acl.rules}


def lifecycle_of(headers: Headers) -> Lifecycle:
    """Return what the headers of an upload say.

    Raises:
        Failure: It is not what the clients send.
    """
    name = next((name for name in HEADERS if name in headers), None)
    if name is None:
        return Lifecycle()
    try:
        told: Any = json.loads(headers[name])
        return Lifecycle.model_validate(told)
    except (ValueError, RecursionError, ValidationError) as error:
        raise Failure.of_type(
            "bad_request",
            f'the header {name} must be JSON such as {{"expiration_duration_seconds": 3600}}',
        ) from error
