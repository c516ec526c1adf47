"""What people who run the gateway, or use it much, ask it."""

from __future__ import annotations

import uuid

from prefect.states import Running

from tests.deployments.gateway.conftest import REQUESTS, Gateway, run_of, turn, wait_for
from tests.deployments.gateway.test_queue import complete


def test_health_says_what_works(gateway: Gateway) -> None:
    """The server and the store answer; nobody works at this pool."""
    answer = gateway.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "prefect": True, "store": True, "workers": 0}


def test_requests_are_listed_and_found_by_their_prompt(gateway: Gateway) -> None:
    """The newest first, by where they are, and by what they ask for."""
    word = uuid.uuid4().hex[:12]
    first = gateway.submit(prompt=f"{word} a cat")["request_id"]
    second = gateway.submit(prompt=f"{word} a dog")["request_id"]
    complete(gateway, first)
    page = gateway.get("/requests", params={"search": word}).json()
    assert [one["request_id"] for one in page["requests"]] == [second, first]
    assert page["requests"][1]["succeeded"] is True
    waiting = gateway.get("/requests", params={"search": word, "status": "IN_QUEUE"}).json()
    assert [one["prompt"] for one in waiting["requests"]] == [f"{word} a dog"]
    part = gateway.get("/requests", params={"search": word, "limit": 1}).json()
    assert (len(part["requests"]), part["next_offset"]) == (1, 1)


def test_all_requests_are_cancelled_at_once(gateway: Gateway) -> None:
    """What waits is gone, what runs is told to stop."""
    waits, runs = (gateway.submit()["request_id"] for _ in range(2))
    turn(runs, Running())
    answer = gateway.client().put("/requests/cancel")
    assert {waits, runs} <= set(answer.json()["cancelled"])
    wait_for(gateway, f"{REQUESTS}/{waits}/status", "COMPLETED")
    state = run_of(runs).state
    assert state is not None
    assert state.is_cancelling()
