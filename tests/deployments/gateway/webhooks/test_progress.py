"""Progress, told by its flow to a real server."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from prefect import task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.states import Completed, Running, Suspended
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from blocks.draft_notes import DraftsNote, NotedDraft, note_drafts
from blocks.gateway_identity import GatewayIdentity
from blocks.media_store import MediaStore
from blocks.saved import saved
from deployments.gateway.failures import Failure
from deployments.gateway.webhooks import progress
from deployments.gateway.webhooks.key import WebhookKey
from deployments.gateway.webhooks.progress import tell_progress
from deployments.gateway.webhooks.target import PROGRESS_TAG, TAG, Target, target_of
from ltxv.errors import Refused
from tests.deployments.gateway.webhooks.test_webhooks import asked_for, recipe, submit_of

OWNER = "0123456789abcdef"
QUEUE = "https://gateway.example/queue"


@task
def stage() -> None:
    """Stand for a stage."""


class Told:
    """A request that is being made, and a server that is told of it."""

    def __init__(self, store: MediaStore, name: str, server: HTTPServer) -> None:
        self.store, self.server = store, server
        self.statuses: list[int] = []
        self.received: list[Request] = []
        server.expect_request("/told").respond_with_handler(self._answer)
        target = Target(server.url_for("/told"), "https://gateway.example/media", True, QUEUE)
        with get_client(sync_client=True) as client:
            run = client.create_flow_run(
                asked_for,
                parameters={"store": name},
                tags=["gateway", f"key:{OWNER}", "endpoint:fal-ai/x/y", TAG, PROGRESS_TAG],
                state=Running(),
            )
            client.update_flow_run_labels(run.id, dict(target.labels))
        self.run: FlowRun = run

    def _answer(self, request: Request) -> Response:
        request.get_data()
        self.received.append(request)
        return Response(status=self.statuses.pop(0) if self.statuses else 200)

    def ran(self, name: str, *, ended: bool = True) -> None:
        """Have a stage run, as a worker does."""
        with get_client(sync_client=True) as client:
            self._run_stage(name, client, ended=ended)

    def _run_stage(self, name: str, client: SyncPrefectClient, *, ended: bool) -> None:
        key = uuid.uuid4().hex[:3]
        made = client.create_task_run(stage, self.run.id, key, name=f"{name}-{key}")
        client.set_task_run_state(made.id, Running(), force=True)
        if ended:
            client.set_task_run_state(made.id, Completed(), force=True)

    def turn(self, state: Any) -> None:
        """Bring the run into a state."""
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(self.run.id, state, force=True)

    @property
    def events(self) -> list[dict[str, Any]]:
        """All that was told."""
        return [one for got in self.received for one in json.loads(got.get_data())["events"]]


@pytest.fixture
def told(
    prefect_server: None,
    tmp_path: Any,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Told:
    """A request that is being made, told of without long waits."""
    monkeypatch.setattr(progress, "_SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(progress, "_EVERY_SECONDS", 0.0)
    name = f"test-{uuid.uuid4().hex[:8]}"
    store = MediaStore(root=str(tmp_path / "store"))
    store.save(name)
    return Told(store, name, httpserver)


def test_stages_and_drafts_that_are_ready_are_told(told: Told) -> None:
    """Signed as the outcome is; with addresses that open, and where the choice is sent."""
    told.ran("encode_prompt")
    told.ran("finish")
    look = told.store.put(b"clip", folder="clips", suffix=".mp4")
    note = DraftsNote(drafts=(NotedDraft(draft=1, seed=7, preview=None),), sheet=look)
    note_drafts(str(told.run.id), note, told.store)
    told.turn(Suspended(pause_key="choice-1"))
    tell_progress(told.run.id)
    assert [one["type"] for one in told.events] == [
        "stage.started",
        "stage.ended",
        "drafts.ready",
    ]
    started, ended, ready = told.events
    assert (started["stage"], ended["state"]) == ("encode_prompt", "completed")
    assert ready["choice"]["refine_url"] == f"{QUEUE}/fal-ai/x/requests/{told.run.id}/refine"
    assert ready["choice"]["sheet_url"].startswith("https://gateway.example/media/kept/")
    [received] = told.received
    assert json.loads(received.get_data())["status"] == "IN_PROGRESS"
    identity = saved(GatewayIdentity, "default")
    jwks = WebhookKey(identity.webhook_key.get_secret_value()).jwks
    told.server.expect_request("/jwks.json").respond_with_json(jwks)
    is_ours = recipe(told.server.url_for("/jwks.json"))
    assert is_ours(received.headers, received.get_data())


def test_what_a_receiver_did_not_take_is_told_again(told: Told) -> None:
    """Nothing is lost by a receiver that fails; each event is told, and is known by its id."""
    told.ran("first_pass")
    told.statuses = [503]
    told.turn(Completed())
    tell_progress(told.run.id)
    first, again = (json.loads(one.get_data()) for one in told.received)
    assert first == again
    assert len({one["id"] for one in again["events"]}) == 2


def test_a_run_that_goes_on_is_not_told_of_from_the_beginning(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a choice only what is new is sent."""
    monkeypatch.setattr(progress, "_LATE", progress._LATE * 0)
    told.ran("first_pass")
    told.turn(Suspended(pause_key="choice-1"))
    tell_progress(told.run.id)
    before = len(told.events)
    told.turn(Running())
    told.ran("second_pass")
    told.turn(Completed())
    tell_progress(told.run.id)
    assert [one["stage"] for one in told.events[before:]] == ["second_pass", "second_pass"]


def test_a_receiver_that_redirects_is_told_no_more(told: Told) -> None:
    """As for the outcome."""
    told.ran("first_pass")
    told.statuses = [302]
    with pytest.raises(Refused, match="final address"):
        tell_progress(told.run.id)


def test_progress_is_told_to_those_who_ask() -> None:
    """By header or query; without an address to tell it to, the submit is refused."""
    url = "https://example.com/done"
    plain = target_of(submit_of(fal_webhook=url))
    assert plain is not None
    assert plain.tags == (TAG,)
    asked = target_of(submit_of(fal_webhook=url, webhook_progress="1"))
    assert asked is not None
    assert asked.tags == (TAG, PROGRESS_TAG)
    by_header = submit_of(fal_webhook=url)
    by_header.scope["headers"].append((b"x-webhook-progress", b"true"))
    told = target_of(by_header)
    assert told is not None
    assert told.queue == "http://127.0.0.1:8000/queue"
    with pytest.raises(Failure) as refused:
        target_of(submit_of(webhook_progress="1"))
    assert refused.value.status == 422
