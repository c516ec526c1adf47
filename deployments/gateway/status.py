"""Where a request is, in the endpoint's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field
from starlette.requests import Request

from deployments.gateway.board import Board
from deployments.gateway.drafts.offer import Offer, Offers
from deployments.gateway.failures import Failure
from deployments.gateway.hosts import address_of
from deployments.gateway.lines import Line
from deployments.gateway.outcome import failure_of
from deployments.gateway.runs import Run


class LogLine(BaseModel):
    """A line of a request's log."""

    timestamp: str
    message: str
    level: Literal["STDERR", "STDOUT", "ERROR", "INFO", "WARN", "DEBUG"]
    source: Literal["USER"]
    labels: dict[str, str]


class Status(BaseModel):
    """Where a request is."""

    status: Literal["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]
    request_id: str
    response_url: str
    status_url: str
    cancel_url: str
    queue_position: int | None = Field(default=None, description="How many are before it.")
    logs: list[LogLine] = Field(default=[], description="Empty unless asked for by `logs`.")
    metrics: dict[str, float] = Field(default={}, description="`inference_time` in seconds.")
    error: str | None = Field(default=None, description="Why there is no result.")
    error_type: str | None = None
    choice: Offer | None = Field(
        default=None, description="Drafts to choose from, while the request waits for that."
    )


def urls(run: Run, request: Request) -> dict[str, str]:
    """Return the id of a request, and where it is asked about."""
    root = "/".join(run.endpoint.split("/")[:2])
    base = f"{address_of(request, 'queue')}/{root}/requests/{run.id}"
    return {
        "request_id": str(run.id),
        "gateway_request_id": str(run.id),
        "response_url": base,
        "status_url": f"{base}/status",
        "cancel_url": f"{base}/cancel",
    }


async def status_of(run: Run, request: Request, *, lines: Sequence[Line]) -> dict[str, Any]:
    """Return where a request is.

    Args:
        run: The request.
        request: The caller's.
        lines: What is told of how it goes on.
    """
    board: Board = request.app.state.board
    told: dict[str, Any] = {
        "status": run.phase,
        **urls(run, request),
        "logs": [line.json for line in lines],
        "metrics": {},
    }
    if run.phase == "IN_QUEUE":
        told["queue_position"] = await board.position(run)
    if run.paused_at is not None:
        offers: Offers = request.app.state.offers
        offer = await offers.of(run, media=address_of(request, "media"))
        told["choice"] = {**offer, "refine_url": f"{told['response_url']}/refine"}
    if run.over:
        told["metrics"] = {"inference_time": run.seconds}
        if not run.succeeded:
            failure: Failure = await failure_of(run, request.app.state.house.store)
            told["error"] = failure.message
            told["error_type"] = failure.error_type or first_type(failure)
    return told


def first_type(failure: Failure) -> str:
    """Return the endpoint's name for what is wrong first."""
    first = failure.detail[0] if failure.detail and not isinstance(failure.detail, str) else {}
    return str(first.get("type", "internal_error"))
