"""Whose requests are whose, and callers that hold the gateway up."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import httpx
import pytest

from blocks.media_store import MediaStore
from deployments.gateway import connections, intake
from deployments.gateway.access.allowance import Allowance
from deployments.gateway.access.caller import Scope
from deployments.gateway.access.key_ring import KeyRing
from tests.deployments.gateway.conftest import REQUESTS, SUBMIT, Gateway, run_of, serving

ClientOf = Callable[[str, Scope], httpx.Client]


@pytest.fixture
def client_of(gateway: Gateway, tmp_path: object) -> Iterator[ClientOf]:
    """Return a function that gives a client with a new key of a gateway that has keys."""
    keys = KeyRing(MediaStore(root=str(tmp_path)), needs_keys=True)
    house = replace(gateway.house, keys=keys, allowance=Allowance(keys))
    with serving(house) as url:

        def make(name: str, scope: Scope) -> httpx.Client:
            headers = {"authorization": f"Key {keys.create(name, scope=scope).key}"}
            return httpx.Client(base_url=url, headers=headers, timeout=30)

        yield make


def test_a_key_sees_its_own_requests_alone(client_of: ClientOf) -> None:
    """To others a request is not there, in no list, and not to be cancelled; an admin sees all."""
    alice, bob, boss = client_of("alice", "user"), client_of("bob", "user"), client_of("b", "admin")
    id_ = alice.post(SUBMIT, json={"prompt": "a cat of alice's"}).json()["request_id"]
    for path in (
        f"{REQUESTS}/{id_}",
        f"{REQUESTS}/{id_}/status",
        f"{REQUESTS}/{id_}/status/stream",
    ):
        assert bob.get(path).status_code == 404
    assert bob.put(f"{REQUESTS}/{id_}/cancel").status_code == 404
    assert bob.post(f"{REQUESTS}/{id_}/refine", json={"drafts": [1]}).status_code == 404
    assert bob.get("/requests").json()["requests"] == []
    assert bob.put("/requests/cancel").json()["cancelled"] == []
    assert id_ in {one["request_id"] for one in boss.get("/requests").json()["requests"]}
    assert boss.get(f"{REQUESTS}/{id_}/status").status_code == 202
    assert boss.put("/requests/cancel").json()["cancelled"] == []
    assert alice.get("/metrics").status_code == 403
    [listed] = alice.get("/requests").json()["requests"]
    assert listed["request_id"] == id_
    state = run_of(id_).state
    assert state is not None
    assert state.is_scheduled()
    assert alice.put("/requests/cancel").json()["cancelled"] == [id_]


def test_the_same_request_of_two_keys_is_two(client_of: ClientOf) -> None:
    """Neither fingerprints nor idempotency keys reach from one key to another."""
    headers = {"x-idempotency-key": "mine"}
    ids = {
        client_of(name, "user")
        .post(SUBMIT, json={"prompt": "a cat of two"}, headers=headers)
        .json()["request_id"]
        for name in ("alice", "bob")
    }
    assert len(ids) == 2


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST / HTTP/1.1\r\nhost: a",
        f"POST {SUBMIT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{{".encode(),
    ],
    ids=["nothing", "half a head", "half a body"],
)
def test_who_sends_nothing_more_is_hung_up_on(
    gateway: Gateway, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that does not get on with its request is ended."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(intake, "BODY_SECONDS", 0.5)
    at = urlsplit(gateway.url)
    with socket.create_connection((str(at.hostname), at.port or 80), timeout=10) as line:
        line.sendall(sent)
        began = time.monotonic()
        said = line.recv(65536)
    assert time.monotonic() - began < 5
    assert said == b"" or b"408" in said
