"""A key's limits, as its holder meets them over HTTP."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

import httpx

from blocks.media_store import MediaStore
from deployments.gateway.access.allowance import Allowance
from deployments.gateway.access.key_record import KeyLimits
from deployments.gateway.access.key_ring import KeyRing
from tests.deployments.gateway.conftest import SUBMIT, Gateway, serving


def test_a_key_at_its_limit_is_told_to_wait(gateway: Gateway, tmp_path: Path) -> None:
    """The flat shape, with what a program needs; a submit that is sent again is no second one."""
    ring = KeyRing(MediaStore(root=str(tmp_path)))
    made = ring.create("alice", scope="user", limits=KeyLimits(concurrent=1))
    house = replace(gateway.house, keys=ring, allowance=Allowance(ring))
    asked = {"prompt": f"a cat {uuid.uuid4()}"}
    headers = {"authorization": f"Key {made.key}", "x-idempotency-key": "mine"}
    with serving(house) as url, httpx.Client(base_url=url, headers=headers) as client:
        first, again = (client.post(SUBMIT, json=asked) for _ in range(2))
        assert first.status_code == 200, first.text
        assert again.json()["request_id"] == first.json()["request_id"]
        more = client.post(SUBMIT, json=asked, headers={"x-idempotency-key": "another"})
    assert more.status_code == 429
    body = more.json()
    assert body["error_type"] == more.headers["x-fal-error-type"] == "concurrent_requests_limit"
    assert body["detail"] == body["message"]
    assert more.headers["x-fal-needs-retry"] == "1"
    assert int(more.headers["retry-after"]) > 0
