"""The real clients against the protocol: nobody works at the pool, states are set by hand."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from prefect.states import Failed

from blocks.media_store import MediaStore
from blocks.run_notes import note_failure
from deployments.gateway.access.allowance import Allowance
from deployments.gateway.access.key_ring import KeyRing
from ltxv.errors import Refused
from tests.deployments.gateway.conftest import Gateway, serving, turn
from tests.deployments.gateway.real_clients import Client, javascript, python
from tests.deployments.gateway.relay import relayed
from tests.deployments.gateway.test_once import runs_with
from tests.deployments.gateway.test_queue import VIDEO, complete

CLIENTS = pytest.mark.parametrize("client", [javascript, python])
pytestmark = pytest.mark.slow


@CLIENTS
def test_submit_status_result_and_cancel(gateway: Gateway, client: Client) -> None:
    """Each call of the queue does what its program expects."""
    asked = {"prompt": f"a cat {uuid.uuid4()}"}
    told = client(gateway.url, "submit", input=asked)["value"]
    id_ = told["request_id"] if isinstance(told, dict) else told
    queued = client(gateway.url, "status", id=id_)
    assert "value" in queued, queued
    queued = queued["value"]
    assert queued == "Queued" or queued["status"] == "IN_QUEUE"
    complete(gateway, id_)
    made = client(gateway.url, "result", id=id_)["value"]
    if client is javascript:
        assert made["requestId"] == id_
        made = made["data"]
    assert made["video"]["url"] == VIDEO.video.url
    other = gateway.submit()["request_id"]
    assert "error" not in client(gateway.url, "cancel", id=other)
    late = client(gateway.url, "cancel", id=other)
    assert late["error"]["status"] == 400


@CLIENTS
def test_errors_are_told_with_their_reason(gateway: Gateway, client: Client) -> None:
    """A mistake in the request and a refusal by policy reach the program with field and words."""
    wrong = client(gateway.url, "subscribe", input={"prompt": "a", "resolution": "4k"})["error"]
    assert wrong["status"] == 422
    id_ = gateway.submit()["request_id"]
    unsafe = Refused.because(("prompt",), "it is unsafe", type="content_policy_violation")
    note_failure(id_, unsafe, gateway.store)
    turn(id_, Failed())
    refused = client(gateway.url, "result", id=id_)["error"]
    assert refused["status"] == 422
    if client is javascript:
        assert wrong["name"] == "ValidationError"
        assert "resolution" in wrong["message"]
        assert refused["message"] == "prompt: it is unsafe"
        assert refused["requestId"] == id_
    else:
        assert "resolution" in str(wrong["message"])
        assert "content_policy_violation" in str(refused["message"])


@CLIENTS
def test_a_dropped_submit_is_one_video(gateway: Gateway, client: Client) -> None:
    """The client sends again by itself, three times; there is one run, whose id it has."""
    asked = {"prompt": f"dropped {uuid.uuid4()}"}
    with relayed(gateway.url, drops=3) as relay:
        told = client(relay.url, "submit", input=asked)["value"]
    assert told["request_id"] if isinstance(told, dict) else told
    assert runs_with(asked) == 1


def test_a_browser_streams_with_a_token_in_the_place_of_the_key(
    gateway: Gateway, tmp_path: Path
) -> None:
    """The client exchanges its key for one by itself, and the stream opens with that alone."""
    ring = KeyRing(MediaStore(root=str(tmp_path)))
    key = ring.create("alice", scope="user").key
    house = replace(gateway.house, keys=ring, allowance=Allowance(ring))
    with serving(house) as url:
        told = javascript(url, "submit", input={"prompt": f"a cat {uuid.uuid4()}"}, key=key)
        id_ = told["value"]["request_id"]
        complete(gateway, id_)
        asked = {"id": id_, "connectionMode": "client", "way": "fetch"}
        last = javascript(url, "stream", key=key, **asked)
        assert last.get("value", {}).get("status") == "COMPLETED", last
        other = ring.create("bob", scope="user").key
        for call in ("stream", "result"):
            hidden = javascript(url, call, key=other, **asked)
            assert hidden["error"]["status"] == 404
