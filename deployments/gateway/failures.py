"""Errors in the endpoint's two shapes.

What is wrong with a request is a list, ``{"detail": [{loc, msg, type, …}]}``; what went wrong with
carrying it out is flat, ``{"detail": "…", "error_type": "…"}``. Both have ``message`` beside
``detail``: it is the only part that reaches the text of the JavaScript client's errors.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

from ltxv.errors import Loc, Refused

REQUEST_ID = "x-fal-request-id"
TIMEOUT_TYPE = "x-fal-request-timeout-type"

_DOCS = "https://docs.fal.ai/errors/#"

_STATUS: Mapping[str, int] = {
    "request_timeout": 504,
    "startup_timeout": 504,
    "runner_scheduling_failure": 503,
    "runner_connection_timeout": 503,
    "runner_disconnected": 503,
    "runner_connection_refused": 503,
    "runner_connection_error": 503,
    "runner_incomplete_response": 502,
    "runner_server_error": 500,
    "client_disconnected": 499,
    "client_cancelled": 499,
    "bad_request": 400,
    "internal_error": 500,
    "internal_server_error": 500,
    "generation_timeout": 504,
    "downstream_service_unavailable": 503,
}
_WORTH_ANOTHER_TRY = (429, 502, 503, 504)


class Failure(Exception):
    """An answer that is an error; raised anywhere below the gateway's routes.

    Args:
        status: HTTP status.
        detail: A text, or the endpoint's list of what is wrong with the request.
        error_type: The endpoint's name for it, of a failure whose detail is a text.
        headers: Besides those that every error has.
    """

    def __init__(
        self,
        status: int,
        detail: str | Sequence[Mapping[str, Any]],
        *,
        error_type: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.detail = detail
        self.error_type = error_type
        self.headers = dict(headers or {})
        super().__init__(self.message)

    @classmethod
    def of_type(cls, error_type: str, detail: str, **headers: str) -> Failure:
        """Return the failure of one of the endpoint's types, with the status documented for it."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(_STATUS[error_type], detail, error_type=error_type, headers=named)

    @classmethod
    def of_request(cls, loc: Loc, msg: str, *, type: str, status: int = 422) -> Failure:
        """Return the failure of a request that has one thing wrong with it."""
        detail = [{"loc": ["body", *loc], "msg": msg, "type": type}]
        return cls.of_details(detail, status=status)

    @classmethod
    def of_refusal(cls, refused: Refused) -> Failure:
        """Return the failure of a request that was refused."""
        return cls.of_details(refused.detail)

    @classmethod
    def of_details(cls, detail: Sequence[Mapping[str, Any]], *, status: int = 422) -> Failure:
        """Return the failure with these violations."""
        first = str(detail[0]["type"]) if detail else ""
        with_docs = [{**entry, "url": f"{_DOCS}{entry['type']}"} for entry in detail]
        return cls(_STATUS.get(first, status), with_docs)

    @property
    def message(self) -> str:
        """One line for people."""
        if isinstance(self.detail, str):
            return self.detail
        return "; ".join(_line(entry) for entry in self.detail)

    @property
    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        told = {"detail": self.detail, "message": self.message}
        return told if self.error_type is None else {**told, "error_type": self.error_type}

    def response(self, request_id: str | None = None) -> JSONResponse:
        """Return the answer.

        Args:
            request_id: The id that its header names; a new one if left out.
        """
        retry = str(self.status in _WORTH_ANOTHER_TRY).lower()
        headers = {
            REQUEST_ID: request_id or str(uuid.uuid4()),
            "x-fal-retryable": retry,
            "x-fal-needs-retry": "1" if retry == "true" else "0",
            "x-fal-billable-units": "0",
            **({} if self.error_type is None else {"x-fal-error-type": self.error_type}),
            **self.headers,
        }
        return JSONResponse(self.body, status_code=self.status, headers=headers)


def of_status(status: int, detail: Any, headers: Mapping[str, str] | None = None) -> Failure:
    """Return the failure that a framework's plain HTTP error stands for."""
    said = detail if isinstance(detail, str) else HTTPStatus(status).phrase
    return Failure(status, said, headers=headers)


def _line(entry: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in entry.get("loc", ())[1:])
    return f"{where}: {entry['msg']}" if where else str(entry["msg"])
