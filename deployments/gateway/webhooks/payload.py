"""What is sent."""

from __future__ import annotations

import json
from typing import Any

from deployments.gateway.failures import Failure


def payload_of(outcome: dict[str, Any] | Failure, *, request_id: str) -> bytes:
    """Return the body of a webhook.

    Args:
        outcome: What a request made, or why it made nothing.
        request_id: Whose it is.
    """
    ids = {"request_id": request_id, "gateway_request_id": request_id}
    if isinstance(outcome, Failure):
        error = f"Invalid status code: {outcome.status}"
        told = {**ids, "status": "ERROR", "error": error, "payload": outcome.body}
    else:
        told = {**ids, "status": "OK", "payload": outcome}
    try:
        return json.dumps(told, allow_nan=False).encode()
    except (ValueError, TypeError) as fault:
        said = f"Response payload is not JSON serializable. {fault}"
        return json.dumps({**ids, "status": "OK", "payload": None, "payload_error": said}).encode()
