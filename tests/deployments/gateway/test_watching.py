"""Log lines, the status stream and the direct run."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import LogCreate
from prefect.client.schemas.objects import FlowRun
from prefect.states import Running

from deployments.gateway import direct_run
from deployments.gateway.endpoint_ids import MULTICONDITIONING
from tests.deployments.gateway.conftest import REQUESTS, Gateway, run_of, runs_of, turn, wait_for
from tests.deployments.gateway.test_queue import VIDEO, complete


def log(id_: str, *messages: str) -> None:
    """Log as a worker's process does."""
    logs = [
        LogCreate(
            name="prefect.task_runs",
            level=20,
            message=message,
            timestamp=datetime.now(UTC),
            flow_run_id=uuid.UUID(id_),
        )
        for message in messages
    ]
    with get_client(sync_client=True) as client:
        client.create_logs(logs)


def events(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    """Yield the events of a stream."""
    for line in answer.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def test_steps_are_log_lines(gateway: Gateway) -> None:
    """Each step of a pass is a line with its time; what else the run logs is the operator's."""
    id_ = gateway.submit()["request_id"]
    turn(id_, Running())
    log(id_, "first_pass: step 1 of 7", "/srv/secret: failed", "first_pass: step 2 of 7")
    wait_for(gateway, f"{REQUESTS}/{id_}/status", "IN_PROGRESS")
    told = gateway.get(f"{REQUESTS}/{id_}/status?logs=1").json()
    assert [line["message"] for line in told["logs"]] == [
        "first_pass: step 1 of 7",
        "first_pass: step 2 of 7",
    ]
    line = told["logs"][0]
    assert (line["level"], line["source"]) == ("INFO", "USER")
    assert datetime.fromisoformat(line["timestamp"]).tzinfo is not None


def test_the_stream_tells_each_change_and_each_line_once(gateway: Gateway) -> None:
    """It ends after COMPLETED; no line comes twice."""
    id_ = gateway.submit()["request_id"]
    told: list[dict[str, Any]] = []
    with (
        gateway.client() as client,
        client.stream("GET", f"{REQUESTS}/{id_}/status/stream?logs=1") as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        for event in events(answer):
            told.append(event)
            if event["status"] == "IN_QUEUE":
                log(id_, "first_pass: step 1 of 2")
                turn(id_, Running())
            elif event["status"] == "IN_PROGRESS" and event["logs"]:
                log(id_, "first_pass: step 2 of 2")
                complete(gateway, id_)
    assert told[0]["status"] == "IN_QUEUE"
    assert told[-1]["status"] == "COMPLETED"
    lines = [line["message"] for event in told for line in event["logs"]]
    assert lines == ["first_pass: step 1 of 2", "first_pass: step 2 of 2"]


def test_a_direct_run_is_held_open_until_the_video_is_there(gateway: Gateway) -> None:
    """The answer is the result itself, with the request's id."""
    prompt = f"direct {uuid.uuid4().hex}"
    with ThreadPoolExecutor(1) as pool, gateway.client() as client:
        call = pool.submit(client.post, f"/run/{MULTICONDITIONING}", json={"prompt": prompt})
        id_ = str(run_with(prompt).id)
        turn(id_, Running())
        assert not call.done()
        complete(gateway, id_)
        answer = call.result(timeout=20)
    assert answer.status_code == 200
    assert answer.json()["video"]["url"] == VIDEO.video.url
    assert answer.headers["x-fal-request-id"] == id_


def test_a_direct_run_that_is_made_again_goes_on_with_its_run(gateway: Gateway) -> None:
    """A client whose call was cut off gets the run that it began."""
    prompt = f"again {uuid.uuid4().hex}"
    headers = {"user-agent": "@fal-ai/client/1.10.1"}
    with gateway.client(headers=headers) as client:
        try:
            client.post(f"/run/{MULTICONDITIONING}", json={"prompt": prompt}, timeout=1)
        except httpx.ReadTimeout:
            first = run_with(prompt)
    finish = threading.Timer(1, complete, (gateway, str(first.id)))
    finish.start()
    with gateway.client(headers=headers) as client:
        answer = client.post(f"/run/{MULTICONDITIONING}", json={"prompt": prompt})
    finish.join()
    assert answer.headers["x-fal-request-id"] == str(first.id)


def test_a_direct_run_that_nobody_comes_back_to_is_cancelled(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller who hung up and stays away leaves no GPU at work."""
    monkeypatch.setattr(direct_run, "_GRACE_SECONDS", 0.5)
    prompt = f"left {uuid.uuid4().hex}"
    with gateway.client() as client, pytest.raises(httpx.ReadTimeout):
        client.post(f"/run/{MULTICONDITIONING}", json={"prompt": prompt}, timeout=1)
    id_ = str(run_with(prompt).id)
    until = time.monotonic() + 20
    while not ((state := run_of(id_).state) and state.is_cancelled()):
        assert time.monotonic() < until
        time.sleep(0.2)


def run_with(prompt: str) -> FlowRun:
    """Return the flow run of a prompt, once there is one."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if found := runs_of(prompt):
            return found[0]
        time.sleep(0.1)
    raise AssertionError(prompt)
