"""A submit that is sent again makes one video, and two that are meant make two."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from tests.deployments.gateway.conftest import REQUESTS, SUBMIT, Gateway, runs_of, serving

JS = "@fal-ai/client/1.10.1"
PYTHON = "fal-client/1.0.3 (python)"


def new_body() -> dict[str, str]:
    """Return a request that no other test makes."""
    return {"prompt": f"once {uuid.uuid4().hex}"}


def runs_with(body: Mapping[str, str]) -> int:
    """Return how many flow runs there are for a request."""
    return len(runs_of(body["prompt"]))


def drop(url: str, body: Mapping[str, str], agent: str, *, read: bool) -> None:
    """Send a submit over a connection that ends before its answer, or right after it."""
    at = urlsplit(url)
    content = json.dumps(body, separators=(",", ":")).encode()
    head = (
        f"POST {SUBMIT} HTTP/1.1\r\nhost: {at.netloc}\r\nuser-agent: {agent}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection((str(at.hostname), at.port or 80)) as line:
        line.sendall(head.encode() + content)
        if read:
            line.recv(65536)


def post(client: httpx.Client, body: Mapping[str, str], **headers: str) -> str:
    """Send a submit and return the id."""
    answer = client.post(SUBMIT, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["request_id"])


@pytest.mark.parametrize("agent", [JS, PYTHON])
@pytest.mark.parametrize("read", [False, True], ids=["before", "after"])
def test_a_submit_whose_answer_was_lost_is_the_same_when_sent_again(
    gateway: Gateway, agent: str, read: bool
) -> None:
    """However often a client's connection drops, the same body is one run."""
    body = new_body()
    for _ in range(3):
        drop(gateway.url, body, agent, read=read)
    with gateway.client(headers={"user-agent": agent}) as client:
        post(client, body)
    assert runs_with(body) == 1


def test_two_submits_that_are_meant_are_two(gateway: Gateway) -> None:
    """Over one connection, side by side, or after the first was asked about."""
    body = new_body()
    with gateway.client(headers={"user-agent": JS}) as client:
        over_one = {post(client, body), post(client, body)}
    assert len(over_one) == 2
    body = new_body()
    with (
        gateway.client(headers={"user-agent": JS}) as one,
        gateway.client(headers={"user-agent": JS}) as other,
        ThreadPoolExecutor(2) as pool,
    ):
        beside = set(pool.map(lambda client: post(client, body), (one, other)))
    assert len(beside) == 2
    body = new_body()
    with gateway.client(headers={"user-agent": JS}) as client:
        first = post(client, body)
    gateway.get(f"{REQUESTS}/{first}/status")
    with gateway.client(headers={"user-agent": JS}) as client:
        assert post(client, body) != first


def test_a_client_that_never_sends_again_is_taken_at_its_word(gateway: Gateway) -> None:
    """A command that closes its connection after each answer means every one of them."""
    body = new_body()
    with gateway.client() as client:
        first = post(client, body)
    with gateway.client() as client:
        assert post(client, body) != first


def test_an_idempotency_key_is_honoured_for_good(gateway: Gateway) -> None:
    """The same key is the same request, whoever's connection; with another body it is refused."""
    body, key = new_body(), uuid.uuid4().hex
    with gateway.client() as client:
        first = post(client, body, **{"x-idempotency-key": key})
        assert post(client, body, **{"idempotency-key": key}) == first
        other = client.post(SUBMIT, json=new_body(), headers={"x-idempotency-key": key})
    assert other.status_code == 409
    assert runs_with(body) == 1


def test_a_restart_does_not_forget_whose_answer_was_lost(gateway: Gateway) -> None:
    """A new process finds the run whose answer never got out, and knows which did."""
    lost, had = new_body(), new_body()
    with gateway.client(headers={"user-agent": PYTHON}) as client:
        first = post(client, had)
        client.get(f"{REQUESTS}/{first}/status")
    drop(gateway.url, lost, PYTHON, read=False)
    with (
        serving(gateway.house) as url,
        httpx.Client(base_url=url, headers={"user-agent": PYTHON}, timeout=30) as client,
    ):
        post(client, lost)
        assert post(client, had) != first
    assert runs_with(lost) == 1
    assert runs_with(had) == 2
