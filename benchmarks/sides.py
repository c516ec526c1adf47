"""The two servers that are polled: the gateway, and a Prefect server as it is."""

from __future__ import annotations

import itertools
from uuid import UUID

from benchmarks.pollers import PYTHON, Client, Side
from benchmarks.wire import Address, request
from deployments.gateway.endpoint_ids import DISTILLED, MULTICONDITIONING
from ltxv.request import parse_request

_LOW = 10
"""One of so many submits is of low priority."""


def gateway_side(address: Address, key: str) -> Side:
    """Return the gateway as its clients ask it."""

    def status_of(client: Client, one: str) -> bytes:
        path = f"/queue/{DISTILLED}/requests/{one}/status?{client.logs}"
        return request("GET", path, address, headers=client.headers(key))

    numbers = itertools.count()

    def new(prompt: str) -> bytes:
        low = next(numbers) % _LOW == 0
        headers = PYTHON.headers(key) | ({"x-fal-queue-priority": "low"} if low else {})
        body = {"prompt": prompt, "seed": 7}
        return request("POST", f"/queue/{MULTICONDITIONING}", address, headers=headers, body=body)

    return Side("gateway", address, status_of, new)


def prefect_side(address: Address, deployment: UUID) -> Side:
    """Return a Prefect server as its own clients ask it, for the same flow runs."""

    def status_of(client: Client, one: str) -> bytes:
        headers = {"user-agent": client.agent}
        return request("GET", f"/api/flow_runs/{one}", address, headers=headers)

    def new(prompt: str) -> bytes:
        asked = parse_request({"prompt": prompt, "seed": 7}).model_dump(mode="json")
        body = {"name": prompt, "parameters": {"request": asked}, "idempotency_key": prompt}
        path = f"/api/deployments/{deployment}/create_flow_run"
        return request("POST", path, address, headers={}, body=body)

    return Side("Prefect server", address, status_of, new)
