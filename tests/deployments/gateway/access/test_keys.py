"""Keys: what opens the gateway, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from deployments.gateway.access import key_ring
from deployments.gateway.access.key_ring import KeyRing
from ltxv.errors import Refused
from tests.stores import Kept

Door = Callable[..., TestClient]
ASK = "/queue/fal-ai/ltx-video-13b-distilled/requests/1/status"


def authorized(key: str, scheme: str = "Key") -> dict[str, str]:
    return {"authorization": f"{scheme} {key}"}


def ask(door: TestClient, key: str, scheme: str = "Key") -> int:
    return door.get(ASK, headers=authorized(key, scheme)).status_code


@pytest.mark.parametrize("scheme", ["Key", "Bearer", "key"])
def test_a_key_opens_in_both_forms(ring: KeyRing, door: Door, scheme: str) -> None:
    """``ID:SECRET`` and the single string are the same key, under both schemes."""
    made = ring.create("alice", scope="user")
    for key in (made.key, made.single):
        answer = door().get(ASK, headers=authorized(key, scheme))
        assert answer.json() == {"key": made.record.id, "scope": "user"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: key[:-1],
        lambda key: key + "x",
        lambda key: key.partition(":")[0],
        lambda key: f"{key.partition(':')[0]}:",
        lambda key: f"../{key}",
        lambda key: f"{'0' * 16}:{key.partition(':')[2]}",
        lambda key: "x" * 100_000,
        lambda key: "\xff:\xfe",
        lambda key: "a.b.c",
        lambda key: "",
    ],
)
def test_nothing_like_a_key_opens(ring: KeyRing, door: Door, spoil: Callable[[str], str]) -> None:
    """A wrong key is answered in the endpoint's flat shape, with words for both clients."""
    key = spoil(ring.create("alice", scope="user").key)
    answer = door().get(ASK, headers={"authorization": f"Key {key}".encode("latin-1")})
    assert answer.status_code == 401
    body = answer.json()
    assert body["error_type"] == answer.headers["x-fal-error-type"] == "unauthorized"
    assert body["detail"] == body["message"]
    assert "ltx keys create" in body["detail"]


def test_the_secret_is_kept_nowhere(kept: Kept) -> None:
    """Who reads the whole store learns no key, and a request may not name its files."""
    made = KeyRing(kept.store).create("alice", scope="user")
    [record] = kept.keys()
    assert made.secret.encode() not in kept.read(record)
    with pytest.raises(Refused):
        kept.store.fetch(kept.store.own_address(record), Path("/nowhere"), loc=("image_url",))
    with pytest.raises(Refused):
        kept.store.place(kept.store.own_address("gateway/keys"), loc=("manifest",))


def test_gateways_share_their_keys(kept: Kept) -> None:
    """A key made by one command is in force for every gateway of the store."""
    made = KeyRing(kept.store).create("alice", scope="admin")
    assert KeyRing(kept.store).all() == [made.record]


def test_polls_cost_no_reads_and_a_revoked_key_is_refused_within_seconds(
    ring: KeyRing, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read is known for a moment, and for no longer."""
    made = ring.create("alice", scope="user")
    gateway = door()
    assert ask(gateway, made.key) == 200
    ring.revoke(made.record.id)
    assert ask(gateway, made.key) == 200
    monkeypatch.setattr(key_ring, "_KNOWN_SECONDS", 0)
    assert ask(gateway, made.key) == 401


def test_a_gateway_whose_last_key_was_revoked_stays_closed(ring: KeyRing, door: Door) -> None:
    """Only a house that never had a key is open."""
    ring.revoke(ring.create("alice", scope="user").record.id)
    assert door().get(ASK).status_code == 401


def test_rotation_ends_the_old_secret(ring: KeyRing, door: Door) -> None:
    """The old one ends at once, or after the hours that were asked for; the id stays."""
    first = ring.create("alice", scope="user")
    second = ring.rotate(first.record.id)
    assert [ask(door(), made.key) for made in (first, second)] == [401, 200]
    third = ring.rotate(first.record.id, keep_old=timedelta(hours=1))
    assert [ask(door(), made.key) for made in (first, second, third)] == [401, 200, 200]
    assert third.record.id == first.record.id
    ring.revoke(first.record.id)
    assert [ask(door(), made.key) for made in (second, third)] == [401, 401]
    with pytest.raises(Refused, match="revoked"):
        ring.rotate(first.record.id)


def test_a_damaged_record_opens_nothing(kept: Kept) -> None:
    """A record that cannot be read counts as revoked, and does not hide the others."""
    ring = KeyRing(kept.store)
    made = [ring.create(name, scope="user") for name in ("alice", "bob")]
    kept.write(f"gateway/keys/{made[0].record.id}.json", b"{")
    assert [record.name for record in KeyRing(kept.store).all()] == ["bob"]


def test_admin_is_a_scope(ring: KeyRing, door: Door) -> None:
    """What is for those who run the house is forbidden to users."""
    user, admin = ring.create("alice", scope="user"), ring.create("root", scope="admin")
    assert door().get("/all", headers=authorized(admin.key)).status_code == 200
    answer = door().get("/all", headers=authorized(user.key))
    assert (answer.status_code, answer.json()["error_type"]) == (403, "forbidden")


def test_without_keys_this_machine_alone_may_ask(door: Door) -> None:
    """A program needs no key until there is one; a page of another host does."""
    assert door().get(ASK).json() == {"key": "nobody", "scope": "admin"}
    assert door().get(ASK, headers=authorized("whatever")).status_code == 200
    assert door().get(ASK, headers={"origin": "http://localhost:3000"}).status_code == 200
    assert door("http://queue.fal.run").get(ASK.removeprefix("/queue")).status_code == 200
    for origin in ("https://evil.example", "null", "http://[", "http://127.0.0.1.evil.example"):
        assert door().get(ASK, headers={"origin": origin}).status_code == 403
    assert door("http://rebound.evil.example").get(ASK).status_code == 403
    assert door(needs_keys=True).get(ASK).status_code == 401
