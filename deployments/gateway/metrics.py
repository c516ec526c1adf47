"""What the gateway tells Prometheus."""

from __future__ import annotations

import time
from collections.abc import Sequence

from fastapi import APIRouter, Depends, Request
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import StateType
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, Histogram
from prometheus_client import generate_latest as written
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.gateway.access.guard import admin
from deployments.gateway.runs import STATES, TAG, Phase

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600)
_OPEN: tuple[Phase, ...] = ("IN_QUEUE", "IN_PROGRESS")
_NOWHERE = "none"

router = APIRouter(tags=["operation"])


class Metrics:
    """Counts answers as they go out."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._answers = Histogram(
            "ltx_gateway_answer_seconds",
            "From the request to the end of its answer; streams and direct runs are held open.",
            ["route", "method", "status"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._requests = Gauge(
            "ltx_gateway_requests",
            "Requests that came by a gateway and have not ended.",
            ["status"],
            registry=self.registry,
        )

    def answered(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._answers.labels(route, method, status).observe(seconds)

    async def count_requests(self, prefect: PrefectClient) -> None:
        """Count what waits and what is being made, as the server has it."""
        for status in _OPEN:
            self._requests.labels(status).set(
                await prefect.count_flow_runs(flow_run_filter=_in(STATES[status]))
            )


class Measured:
    """Count every answer, by the route it was given on."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = [500]

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                status[0] = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            self._metrics.answered(
                route=getattr(scope.get("route"), "path", _NOWHERE),
                method=scope["method"] if "route" in scope else _NOWHERE,
                status=status[0],
                seconds=time.perf_counter() - began,
            )


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    dependencies=[Depends(admin)],
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Tell Prometheus about answers and open requests; for keys with the scope admin."""
    known: Metrics = request.app.state.metrics
    await known.count_requests(request.app.state.prefect)
    return Response(written(known.registry), media_type=CONTENT_TYPE_LATEST)


def _in(states: Sequence[StateType]) -> FlowRunFilter:
    return FlowRunFilter(
        tags=FlowRunFilterTags(all_=[TAG]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states))),
    )
