"""What people who run the gateway, or use it much, ask it."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace

from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Running
from prometheus_client.parser import text_string_to_metric_families

from deployments.gateway.endpoint_ids import MULTICONDITIONING
from tests.deployments.gateway.conftest import (
    REQUESTS,
    SUBMIT,
    Gateway,
    run_of,
    serving,
    turn,
    wait_for,
)
from tests.deployments.gateway.relay import relayed
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


def test_a_plan_says_what_a_request_would_cost(gateway: Gateway) -> None:
    """Sizes, steps and an estimate, by the model of the deployment; nothing is submitted."""
    asked = {"prompt": "a cat", "number_of_frames": 9, "resolution": "480p"}
    plan = gateway.client().post(f"/plan/{MULTICONDITIONING}", json=asked).json()
    assert (plan["width"], plan["height"], plan["frames"]) == (854, 480, 9)
    assert len(plan["first_pass"]["sigmas"]) == 7
    assert plan["estimate"]["tflops"] > 0
    wrong = gateway.client().post(f"/plan/{MULTICONDITIONING}", json={"prompt": ""})
    assert wrong.status_code == 422


def test_metrics_tell_of_answers_and_of_open_requests(gateway: Gateway) -> None:
    """Prometheus reads how long answers took, by route, and how many requests wait."""
    gateway.submit()
    found = {
        (sample.name, sample.labels.get("route"), sample.labels.get("status")): sample.value
        for family in text_string_to_metric_families(gateway.get("/metrics").text)
        for sample in family.samples
    }
    assert found["ltx_gateway_answer_seconds_count", SUBMIT, "200"] >= 1
    assert found["ltx_gateway_requests", None, "IN_QUEUE"] >= 1


def test_what_is_known_is_told_while_prefect_is_away(gateway: Gateway) -> None:
    """A client that polls hears what was seen last, soon, and goes on; health says what fails."""
    with (
        relayed(str(PREFECT_API_URL.value())) as relay,
        temporary_settings({PREFECT_API_URL: relay.url}),
        serving(gateway.house) as url,
    ):
        here = replace(gateway, url=url)
        id_ = here.submit()["request_id"]
        assert here.get(f"{REQUESTS}/{id_}/status").status_code == 202
        relay.cut()
        for _ in range(3):
            began = time.monotonic()
            told = here.get(f"{REQUESTS}/{id_}/status?logs=1")
            assert (told.status_code, told.json()["status"]) == (202, "IN_QUEUE")
            assert time.monotonic() - began < 4
            time.sleep(0.7)
        assert here.get("/health").status_code == 503
