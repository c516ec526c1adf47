"""What a submit of drafts asks for: a request, and how many drafts of it."""

from __future__ import annotations

from typing import Any

from anyio import to_thread

from deployments.gateway.access.caller import Caller
from deployments.gateway.endpoint_ids import Endpoint
from deployments.gateway.house import House
from deployments.gateway.intake import checked, json_of
from deployments.gateway.openapi import own_body
from flows.draft_choice import MOST_DRAFTS
from ltxv.errors import Refused, Violation
from ltxv.request import VideoRequest

FIELD = "drafts"
_USUAL = 4
_SCHEMA = {
    "type": "integer",
    "minimum": 1,
    "maximum": MOST_DRAFTS,
    "default": _USUAL,
    "description": "How many drafts to make, each with the next seed.",
}


async def drafts_request(
    body: bytes, endpoint: Endpoint, *, house: House, asks: Caller
) -> tuple[VideoRequest, int]:
    """Return the request that a caller sent, and the number of drafts.

    Args:
        body: As it was sent.
        endpoint: Where it was sent.
        house: Whose store the workers look in.
        asks: Who sent it.

    Raises:
        Failure: It is no JSON.
        Refused: It is not acceptable; nothing was submitted.
    """
    return await to_thread.run_sync(_parsed, body, endpoint, house, asks)


def drafts_body(endpoint: Endpoint) -> dict[str, Any]:
    """Return what the OpenAPI page says of the body."""
    return own_body(endpoint, {FIELD: _SCHEMA})


def _parsed(
    body: bytes, endpoint: Endpoint, house: House, asks: Caller
) -> tuple[VideoRequest, int]:
    asked = json_of(body)
    number = asked.pop(FIELD, _USUAL) if isinstance(asked, dict) else _USUAL
    wrong = _wrong(number)
    try:
        request = checked(asked, endpoint, house=house, asks=asks)
    except Refused as refused:
        raise Refused(*wrong, *refused.violations) from None
    if wrong:
        raise Refused(*wrong)
    return request, number


def _wrong(number: Any) -> list[Violation]:
    limits = f"must be a whole number from 1 to {MOST_DRAFTS}"
    if isinstance(number, bool) or not isinstance(number, int):
        shown = number if isinstance(number, str | float | bool) else None
        return [Violation(loc=(FIELD,), msg=limits, type="int_type", input=shown)]
    if number < 1:
        type_, ctx = "greater_than_equal", {"ge": 1}
    elif number > MOST_DRAFTS:
        type_, ctx = "less_than_equal", {"le": MOST_DRAFTS}
    else:
        return []
    return [Violation(loc=(FIELD,), msg=limits, type=type_, ctx=ctx, input=number)]
