"""Several gateways in front of one store and one Prefect server, as behind a balancer."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator

import httpx
import pytest
from prefect.states import Running

from deployments.gateway import direct_run, once
from deployments.gateway.endpoint_ids import MULTICONDITIONING
from tests.deployments.gateway.conftest import REQUESTS, Gateway, run_of, runs_of, serving, turn
from tests.deployments.gateway.real_clients import Client, javascript, python
from tests.deployments.gateway.relay import relayed
from tests.deployments.gateway.test_once import PYTHON, drop, new_body, post, runs_with
from tests.deployments.gateway.test_queue import VIDEO, complete
from tests.deployments.gateway.test_watching import run_with

pytestmark = pytest.mark.slow


@pytest.fixture
def other(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Another gateway of the same house, which has run for long."""
    monkeypatch.setattr(once, "_REMEMBERED_SECONDS", 0)
    with serving(gateway.house) as url:
        yield url


@pytest.mark.parametrize("client", [javascript, python])
def test_a_client_behind_a_balancer_notices_nothing(
    gateway: Gateway, other: str, client: Client
) -> None:
    """Its dropped submit is one video; either gateway has status and result."""
    asked = {"prompt": f"balanced {uuid.uuid4()}"}
    with relayed(gateway.url, other, drops=3) as balancer:
        told = client(balancer.url, "submit", input=asked)["value"]
        id_ = told["request_id"] if isinstance(told, dict) else told
        assert [str(run.id) for run in runs_of(asked["prompt"])] == [id_]
    for url in (gateway.url, other):
        assert httpx.get(f"{url}{REQUESTS}/{id_}/status").json()["status"] == "IN_QUEUE"
    complete(gateway, id_)
    for url in (gateway.url, other):
        made = httpx.get(f"{url}{REQUESTS}/{id_}")
        assert made.json()["video"]["url"] == VIDEO.video.url


def test_a_submit_is_once_when_the_clock_turns(
    gateway: Gateway, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys change every ten minutes; a submit on both sides of that is one video."""
    soon = time.time() + 3
    monkeypatch.setattr(once, "_ERA_SECONDS", soon / 2_900_000)
    body = new_body()
    drop(gateway.url, body, PYTHON, read=True)
    assert time.time() < soon
    time.sleep(max(0.0, soon + 0.1 - time.time()))
    with httpx.Client(base_url=other, headers={"user-agent": PYTHON}) as client:
        post(client, body)
    assert runs_with(body) == 1


def test_a_direct_run_that_is_made_again_elsewhere_goes_on(
    gateway: Gateway, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway that was left does not cancel what the other one is held open for."""
    monkeypatch.setattr(direct_run, "_GRACE_SECONDS", 3 * once._SOON_SECONDS)
    prompt, headers = f"elsewhere {uuid.uuid4()}", {"user-agent": PYTHON}
    with httpx.Client(headers=headers) as client, pytest.raises(httpx.ReadTimeout):
        client.post(f"{gateway.url}/run/{MULTICONDITIONING}", json={"prompt": prompt}, timeout=1)
    id_ = str(run_with(prompt).id)
    turn(id_, Running())
    states: list[str] = []

    def end() -> None:
        states.append(run_of(id_).state.name)
        complete(gateway, id_)

    ends = threading.Timer(5 * once._SOON_SECONDS, end)
    ends.start()
    with httpx.Client(headers=headers, timeout=30) as client:
        made = client.post(f"{other}/run/{MULTICONDITIONING}", json={"prompt": prompt})
    ends.join()
    assert made.status_code == 200, made.text
    assert made.headers["x-fal-request-id"] == id_
    assert states == ["Running"]
