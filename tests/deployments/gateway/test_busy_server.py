"""How long the gateway leaves a Prefect server alone that is busy."""

from __future__ import annotations

import asyncio
import time

from prefect.client.orchestration import get_client
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_CSRF_SUPPORT_ENABLED,
    temporary_settings,
)
from pytest_httpserver import HTTPServer

from deployments.gateway.busy_server import ask_again_soon


def test_a_busy_server_is_asked_again_in_a_moment(httpserver: HTTPServer) -> None:
    """SQLite is free again long before the two seconds that Prefect's client would wait."""
    at = "/api/flow_runs/count"
    httpserver.expect_ordered_request(at).respond_with_json({}, status=503)
    httpserver.expect_ordered_request(at).respond_with_json(7)

    async def count() -> int:
        hooks = {"event_hooks": {"response": [ask_again_soon]}}
        async with get_client(httpx_settings=hooks) as client:
            return await client.count_flow_runs()

    settings = {
        PREFECT_API_URL: httpserver.url_for("/api"),
        PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False,
    }
    with temporary_settings(settings):
        began = time.monotonic()
        assert asyncio.run(count()) == 7
    assert time.monotonic() - began < 1.5
