"""A webhook from the submit of a real client to its receiver, by Prefect's own automation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL
from prefect.states import Completed, Running
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner
from werkzeug import Request, Response

from blocks.gateway_identity import GatewayIdentity
from blocks.saved import saved
from deployments.cli.main import app
from deployments.gateway.webhooks.key import WebhookKey
from tests.deployments.gateway.conftest import SUBMIT, Gateway, serving, turn
from tests.deployments.gateway.real_clients import javascript
from tests.deployments.gateway.test_queue import complete
from tests.deployments.gateway.webhooks.test_progress import stage
from tests.deployments.gateway.webhooks.test_webhooks import recipe

pytestmark = pytest.mark.slow


@pytest.fixture
def deployed(prefect_server: None) -> Iterator[None]:
    """The server as `ltx deploy` sets it up, with a worker of the pool cpu."""
    done = CliRunner().invoke(app, ["deploy"])
    assert done.exit_code == 0, done.exception
    worker = subprocess.Popen(
        [str(Path(sys.executable).parent / "prefect"), "worker", "start", "--pool", "cpu"],
        env={
            **os.environ,
            "PREFECT_API_URL": str(PREFECT_API_URL.value()),
            "PREFECT_WORKER_QUERY_SECONDS": "1",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield
    for one in [*psutil.Process(worker.pid).children(recursive=True), worker]:
        one.kill()
    worker.wait()
    with get_client(sync_client=True) as client:
        for deployment in client.read_deployments():
            if deployment.work_pool_name in ("gpu", "cpu"):
                client.delete_deployment(deployment.id)
        for automation in client.read_automations():
            client.delete_automation(automation.id)
        for pool in ("gpu", "cpu"):
            client.delete_work_pool(pool)


def test_a_receiver_that_fails_first_is_told_again(
    deployed: None, gateway: Gateway, httpserver: HTTPServer
) -> None:
    """The event starts the flow, which schedules the next try; the recipe knows the sender."""
    received: list[Request] = []

    def answer(request: Request) -> Response:
        request.get_data()
        received.append(request)
        return Response(status=500 if len(received) == 1 else 200)

    httpserver.expect_request("/done").respond_with_handler(answer)
    key = WebhookKey(saved(GatewayIdentity, "default").webhook_key.get_secret_value())
    house = replace(gateway.house, webhook_key=key, allow_private_webhooks=True)
    with serving(house) as url:
        told = javascript(
            url,
            "submit",
            input={"prompt": f"a cat {uuid.uuid4()}"},
            options={"webhookUrl": httpserver.url_for("/done")},
        )["value"]
        complete(gateway, told["request_id"])
        until = time.monotonic() + 90
        while len(received) < 2 and time.monotonic() < until:
            time.sleep(0.2)
        is_ours = recipe(f"{url}/.well-known/jwks.json")
        assert [is_ours(one.headers, one.get_data()) for one in received] == [True, True]
    bodies = [json.loads(one.get_data()) for one in received]
    assert bodies[0] == bodies[1]
    assert bodies[0]["request_id"] == told["request_id"]
    assert bodies[0]["payload"]["video"]["url"]


def test_progress_is_told_beside_the_run(
    deployed: None, gateway: Gateway, httpserver: HTTPServer
) -> None:
    """Asked for with a header: stages as they pass, then the outcome, once."""
    received: list[dict[str, Any]] = []

    def answer(request: Request) -> Response:
        received.append(json.loads(request.get_data()))
        return Response()

    def wait_until(told: Callable[[], bool]) -> None:
        until = time.monotonic() + 60
        while not told():
            assert time.monotonic() < until, received
            time.sleep(0.2)

    def told(status: str) -> list[dict[str, Any]]:
        return [one for one in received if one["status"] == status]

    httpserver.expect_request("/told").respond_with_handler(answer)
    with (
        serving(replace(gateway.house, allow_private_webhooks=True)) as url,
        get_client(sync_client=True) as client,
    ):
        submit = f"{url}{SUBMIT}?fal_webhook={httpserver.url_for('/told')}"
        asked = {"prompt": f"a cat {uuid.uuid4()}"}
        id_ = httpx.post(submit, json=asked, headers={"x-webhook-progress": "1"}).json()[
            "request_id"
        ]
        turn(id_, Running())
        made = client.create_task_run(stage, uuid.UUID(id_), "0", name="first_pass-0")
        client.set_task_run_state(made.id, Running(), force=True)
        wait_until(lambda: bool(told("IN_PROGRESS")))
        client.set_task_run_state(made.id, Completed(), force=True)
        complete(gateway, id_)
        wait_until(lambda: bool(told("OK")) and len(told("IN_PROGRESS")) > 1)
    events = [one["type"] for got in told("IN_PROGRESS") for one in got["events"]]
    assert events == ["stage.started", "stage.ended"]
    assert len(told("OK")) == 1
