"""What the clients say about a request in its headers."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers

from deployments.gateway.failures import Failure
from deployments.gateway.runs import Priority
from flows.results_over import LIFETIME
from ltxv.plain_text import one_line

PRIORITY = "x-fal-queue-priority"
START_TIMEOUT = "x-fal-request-timeout"
HINT = "x-fal-runner-hint"
LIFECYCLE = "x-fal-object-lifecycle-preference"
PROGRESS = "x-webhook-progress"
MATTER = (PRIORITY, START_TIMEOUT, HINT, LIFECYCLE, PROGRESS)
"""Requests that differ in one of these are different."""
IDEMPOTENCY = ("x-idempotency-key", "idempotency-key")

_MOST_SECONDS = 30 * 24 * 3600.0
_LONGEST_NOTE = 100
_LONGEST_KEY = 255


def priority_of(headers: Headers) -> Priority:
    """Return how urgent a request is.

    Raises:
        Failure: It is none of the endpoint's words for that.
    """
    asked = headers.get(PRIORITY, "normal").strip().lower()
    if asked == "normal":
        return "normal"
    if asked == "low":
        return "low"
    raise _bad(PRIORITY, "must be normal or low")


def start_by(headers: Headers) -> float | None:
    """Return the moment by which a request has to begin, in seconds of the Unix time.

    Raises:
        Failure: The header has no number of seconds.
    """
    asked = headers.get(START_TIMEOUT)
    if asked is None:
        return None
    try:
        seconds = float(asked)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= _MOST_SECONDS:
        raise _bad(START_TIMEOUT, "must be a number of seconds, such as 30")
    return time.time() + seconds


def notes_of(headers: Headers) -> Mapping[str, str]:
    """Return what else is kept with a request, for whoever looks at it in the Prefect UI.

    Raises:
        Failure: The lifecycle is not what the clients send.
    """
    notes: dict[str, str] = {}
    hint = one_line(headers.get(HINT, ""), most=_LONGEST_NOTE)
    if hint:
        notes["hint"] = hint
    seconds = lifetime_of(headers)
    if seconds is not None:
        notes[LIFETIME] = str(seconds)
    return notes


def lifetime_of(headers: Headers) -> int | None:
    """Return how many seconds a result is wanted for; None if for good.

    Raises:
        Failure: The header is not what the clients send.
    """
    asked = headers.get(LIFECYCLE)
    if asked is None:
        return None
    try:
        told: Any = json.loads(asked)
        seconds = told.get("expiration_duration_seconds")
        return None if seconds is None else max(1, int(seconds))
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        said = 'must be JSON such as {"expiration_duration_seconds": 3600}'
        raise _bad(LIFECYCLE, said) from error


def idempotency_key(headers: Headers) -> str | None:
    """Return the key under which a submit may be sent again.

    Raises:
        Failure: It is too long.
    """
    given = next((headers[name] for name in IDEMPOTENCY if name in headers), None)
    if given is not None and not 0 < len(given) <= _LONGEST_KEY:
        raise _bad(IDEMPOTENCY[0], f"must have 1 to {_LONGEST_KEY} characters")
    return given


def _bad(name: str, said: str) -> Failure:
    return Failure.of_type("bad_request", f"the header {name} {said}")
