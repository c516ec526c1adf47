"""Tokens that browsers have in the place of a key."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from deployments.gateway.access.key_record import NewKey
from deployments.gateway.access.key_ring import KeyRing
from deployments.gateway.access.seal import Seal
from tests.deployments.gateway.houses import SECRET

Door = Callable[..., TestClient]
APP = "ltx-video-13b-distilled"
ASK = f"/queue/fal-ai/{APP}/requests/1/status/stream"


def token(door: TestClient, made: NewKey, **fields: Any) -> str:
    asked = {"allowed_apps": [APP], "token_expiration": 120, **fields}
    key = {"authorization": f"Key {made.key}"}
    answer = door.post("/rest/tokens/", json=asked, headers=key)
    assert answer.status_code == 200, answer.text
    return str(answer.json())


def ask(door: TestClient, token: str, path: str = ASK) -> int:
    return door.get(path, params={"fal_jwt_token": token}).status_code


def test_a_token_stands_for_its_key(ring: KeyRing, door: Door) -> None:
    """It is a JSON string, opens its application as a user's key would, in the query or not."""
    made, gateway = ring.create("root", scope="admin"), door()
    given = token(gateway, made)
    answer = gateway.get(ASK, params={"fal_jwt_token": given})
    assert answer.json() == {"key": made.record.id, "scope": "user"}
    bearer = {"authorization": f"Bearer {given}"}
    assert gateway.get(ASK, headers=bearer).status_code == 200


def test_a_token_opens_nothing_else(ring: KeyRing, door: Door) -> None:
    """Neither other applications nor more tokens."""
    gateway = door()
    made = ring.create("alice", scope="user")
    given = token(gateway, made)
    assert ask(gateway, given, "/queue/fal-ai/another/requests/1") == 403
    asked = {"allowed_apps": [APP]}
    endless = token(gateway, made, allowed_apps=["tokens"])
    for one in (given, endless):
        bearer = {"authorization": f"Bearer {one}"}
        assert gateway.post("/rest/tokens/", json=asked, headers=bearer).status_code == 403


@pytest.mark.parametrize("seconds", [-1, 0])
def test_a_token_ends(ring: KeyRing, door: Door, seconds: int) -> None:
    """One that is over opens nothing."""
    made = ring.create("alice", scope="user")
    claims = {"sub": made.record.id, "apps": [APP]}
    assert ask(door(), Seal(SECRET).sign("token", claims, seconds=5)) == 200
    assert ask(door(), Seal(SECRET).sign("token", claims, seconds=seconds)) == 401


def test_a_token_ends_with_its_key(ring: KeyRing, door: Door) -> None:
    """A browser that has one is out when the key is revoked."""
    made = ring.create("alice", scope="user")
    given = token(door(), made)
    ring.revoke(made.record.id)
    assert ask(door(), given) == 401


@pytest.mark.parametrize(
    "forge",
    [
        lambda claims: Seal("another secret, long enough to be one").sign(
            "token", claims, seconds=60
        ),
        lambda claims: Seal(SECRET).sign("upload", claims, seconds=60),
        lambda claims: Seal(SECRET).sign("token", claims, seconds=60)[:-2],
        lambda claims: "eyJhbGciOiJub25lIn0.e30.",
        lambda claims: "e30.\u00e9.x",
        lambda claims: "." * 2,
        lambda claims: f"{'a' * 20_000}.b.c",
    ],
)
def test_a_forged_token_opens_nothing(
    ring: KeyRing, door: Door, forge: Callable[[dict[str, Any]], str]
) -> None:
    """Another secret, another purpose, no algorithm, damage: all the same answer."""
    made = ring.create("alice", scope="user")
    assert ask(door(), forge({"sub": made.record.id, "apps": [APP]})) == 401


def test_a_token_lasts_an_hour_at_most(ring: KeyRing, door: Door) -> None:
    """What is asked for longer, or for nothing, is refused."""
    key = {"authorization": f"Key {ring.create('alice', scope='user').key}"}
    for asked in (
        {"allowed_apps": [APP], "token_expiration": 10**9},
        {"allowed_apps": []},
        {"allowed_apps": ["/"]},
        {"allowed_apps": APP},
        [],
    ):
        assert door().post("/rest/tokens/", json=asked, headers=key).status_code == 422


def test_the_claims_say_when_they_end() -> None:
    """They are those of a JSON Web Token, which programs that hold one can read."""
    claims = Seal(SECRET).open("token", Seal(SECRET).sign("token", {"sub": "x"}, seconds=60))
    assert claims is not None
    assert claims["exp"] - claims["iat"] == 60
    assert abs(claims["iat"] - time.time()) < 5
