"""Webhooks, delivered by the flow to a real server and checked with the published recipe."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Completed, Crashed, Failed, Running, State
from pytest_httpserver import HTTPServer
from starlette.requests import Request
from werkzeug import Request as Received
from werkzeug import Response

from blocks.gateway_identity import GatewayIdentity
from blocks.media_store import MediaStore
from blocks.run_notes import RunNote, note_run
from blocks.saved import saved
from deployments.gateway.failures import Failure
from deployments.gateway.runs import TIMED_OUT
from deployments.gateway.webhooks.deliver import deliver_webhook
from deployments.gateway.webhooks.key import WebhookKey
from deployments.gateway.webhooks.target import DEPLOYMENT, TAG, Target, target_of
from ltxv.errors import Refused, Transient
from ltxv.refs import Ref
from ltxv.result import VideoResult
from tests.deployments.gateway.conftest import SUBMIT, Gateway

DOCS = Path(__file__).parents[4] / "docs" / "webhooks.md"
OWNER = "0123456789abcdef"


@flow(name="asked-for")
def asked_for(store: str) -> None:
    """Stand for the flow that makes videos."""


@pytest.fixture(scope="module")
def again(prefect_server: None) -> Iterator[UUID]:
    """The deployment whose runs are the tries."""
    made = RunnerDeployment.from_flow(deliver_webhook, name="cpu").apply()
    assert isinstance(made, UUID)
    yield made
    with get_client(sync_client=True) as client:
        client.delete_deployment(made)


class Story:
    """A request of a gateway, and a server that is told of its end."""

    def __init__(self, store: MediaStore, name: str, server: HTTPServer) -> None:
        self.store, self.name, self.server = store, name, server
        self.received: list[Received] = []

    def answer(self, *statuses: int, **headers: str) -> str:
        """Let the server answer so, one after the other; its address is returned."""
        left = list(statuses)

        def handle(request: Received) -> Response:
            request.get_data()
            self.received.append(request)
            return Response(status=left.pop(0), headers=headers)

        self.server.expect_request("/done").respond_with_handler(handle)
        return self.server.url_for("/done")

    def ended(self, url: str, state: State[Any], *, private: bool = True) -> FlowRun:
        """Return a request that came to a state."""
        target = Target(url, "https://gateway.example/media", private)
        with get_client(sync_client=True) as client:
            run = client.create_flow_run(
                asked_for,
                parameters={"store": self.name},
                tags=["gateway", f"key:{OWNER}", "endpoint:fal-ai/x/y", TAG],
                state=Running(),
            )
            client.update_flow_run_labels(run.id, dict(target.labels))
            client.set_flow_run_state(run.id, state, force=True)
            return client.read_flow_run(run.id)

    def made(self, url: str) -> FlowRun:
        """Return a request that made a video."""
        clip = Path(self.store.root).parent / "clip.mp4"
        clip.write_bytes(b"clip")
        video = self.store.publish(clip, name="cat-7.mp4", content_type="video/mp4")
        run = self.ended(url, Completed())
        result = VideoResult(video=video, prompt="a cat", seed=7)
        note_run(str(run.id), RunNote(result=result, sheet=_sheet()), self.store)
        return run

    @property
    def payload(self) -> Any:
        """What was received last."""
        return json.loads(self.received[-1].get_data())


@pytest.fixture
def story(prefect_server: None, tmp_path: Path, httpserver: HTTPServer) -> Story:
    """A request to be told of."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    store = MediaStore(root=str(tmp_path / "store"))
    store.save(name)
    return Story(store, name, httpserver)


def scheduled(deployment: UUID) -> list[FlowRun]:
    """The tries that are to come."""
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                deployment_id=FlowRunFilterDeploymentId(any_=[deployment]),
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
            )
        )


def recipe(jwks: str) -> Callable[..., bool]:
    """The recipe of the docs, with another address."""
    code = DOCS.read_text().partition("```python\nimport base64")[2].partition("```")[0]
    names: dict[str, Any] = {}
    exec("import base64" + code, names)  # noqa: S102 - our own page
    names["JWKS"] = jwks
    return names["is_ours"]  # type: ignore[no-any-return]


def test_a_webhook_that_nobody_would_deliver_is_refused(gateway: Gateway) -> None:
    """Before `ltx deploy` set it up, at the submit; nothing is made."""
    with get_client(sync_client=True) as client, suppress(ObjectNotFound):
        client.delete_deployment(client.read_deployment_by_name(DEPLOYMENT).id)
    query = {"fal_webhook": "https://example.com/done"}
    with gateway.client() as client:
        answer = client.post(SUBMIT, params=query, json={"prompt": f"a cat {uuid.uuid4()}"})
    assert answer.status_code == 503
    assert "ltx deploy" in answer.json()["message"]


def test_a_result_is_delivered_and_known_by_the_recipe(story: Story) -> None:
    """The payload is the endpoint's, its video opens, and a changed byte or header shows."""
    run = story.made(story.answer(200))
    deliver_webhook(run.id)
    assert story.payload["status"] == "OK"
    assert story.payload["request_id"] == story.payload["gateway_request_id"] == str(run.id)
    assert story.payload["payload"]["seed"] == 7
    url = story.payload["payload"]["video"]["url"]
    assert url.startswith("https://gateway.example/media/outputs/")
    [received] = story.received
    identity = saved(GatewayIdentity, "default")
    jwks = WebhookKey(identity.webhook_key.get_secret_value()).jwks
    story.server.expect_request("/jwks.json").respond_with_json(jwks)
    is_ours = recipe(story.server.url_for("/jwks.json"))
    body = received.get_data()
    assert received.headers["X-Fal-Webhook-User-Id"] == OWNER
    assert is_ours(received.headers, body)
    assert not is_ours(received.headers, body + b" ")
    old = {**received.headers, "X-Fal-Webhook-Timestamp": "1700000000"}
    assert not is_ours(old, body)
    other = {**received.headers, "X-Fal-Webhook-User-Id": "another"}
    assert not is_ours(other, body)


def test_it_is_told_once(story: Story) -> None:
    """A second event for the same end sends nothing."""
    run = story.made(story.answer(200))
    deliver_webhook(run.id)
    deliver_webhook(run.id)
    assert len(story.received) == 1


@pytest.mark.parametrize(
    ("state", "status", "error_type"),
    [
        (Failed(message="it broke"), 500, None),
        (Cancelled(name=TIMED_OUT), 504, "startup_timeout"),
    ],
)
def test_a_failure_is_delivered(
    story: Story, state: State[Any], status: int, error_type: str | None
) -> None:
    """With the status and the body that the result's address has."""
    deliver_webhook(story.ended(story.answer(202), state).id)
    assert story.payload["status"] == "ERROR"
    assert story.payload["error"] == f"Invalid status code: {status}"
    assert story.payload["payload"]["detail"]
    assert story.payload["payload"].get("error_type") == error_type


def test_what_fails_is_tried_again_by_prefect(story: Story, again: UUID) -> None:
    """The next try is a scheduled run, later each time, and a restart loses none."""
    run = story.made(story.answer(500, 503, 200))
    deliver_webhook(run.id)
    [first] = [one for one in scheduled(again) if one.parameters["flow_run_id"] == str(run.id)]
    assert first.parameters["attempt"] == 2
    deliver_webhook(run.id, attempt=2)
    waits = [
        (one.next_scheduled_start_time or datetime.now(UTC)) - datetime.now(UTC)
        for one in scheduled(again)
        if one.parameters["flow_run_id"] == str(run.id)
    ]
    assert len(waits) == 2
    assert max(waits).total_seconds() > 7
    deliver_webhook(run.id, attempt=3)
    assert len(story.received) == 3


def test_after_two_hours_it_is_given_up(story: Story) -> None:
    """The last try is shown as failed."""
    run = story.made(story.answer(500))
    with pytest.raises(Transient, match="answered 500"):
        deliver_webhook(run.id, attempt=19)


def test_a_redirect_ends_it(story: Story) -> None:
    """It is not followed, and not tried again."""
    url = story.answer(302, Location=story.server.url_for("/elsewhere"))
    with pytest.raises(Refused, match="final address"):
        deliver_webhook(story.made(url).id)
    assert len(story.received) == 1


def test_private_addresses_are_refused_unless_allowed(story: Story) -> None:
    """Nothing is sent into the operator's own network."""
    with pytest.raises(Refused, match="public internet"):
        deliver_webhook(story.ended(story.answer(200), Completed(), private=False).id)
    assert story.received == []


def test_a_crash_is_told_of_once_nobody_starts_it_again(story: Story, again: UUID) -> None:
    """A run that may be started again is looked at later; one that goes on is left to its end."""
    url = story.answer(200)
    run = story.ended(url, Crashed())
    with get_client(sync_client=True) as client:
        client.request(
            "PATCH", f"/flow_runs/{run.id}", json={"tags": [*run.tags, "restart-if-crashed"]}
        )
    deliver_webhook(run.id)
    assert str(run.id) in [one.parameters["flow_run_id"] for one in scheduled(again)]
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, Running(), force=True)
    deliver_webhook(run.id)
    assert story.received == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/x",
        "http://127.0.0.1/x",
        "http://[::1]:8000/x",
        "http://localhost:9/x",
        "http://169.254.169.254/latest",
        "http://user:secret@example.com/",
        "http://example.com:25/",
        "no url",
        "http://[",
        "https://example.com/" + "x" * 10_000,
    ],
)
def test_an_address_that_cannot_be_is_refused_at_the_submit(url: str) -> None:
    """Before anything is made."""
    with pytest.raises(Failure) as refused:
        target_of(_submit(url))
    assert refused.value.status == 422
    assert refused.value.body["detail"][0]["loc"] == ["query", "fal_webhook"]


def test_an_address_is_kept_with_the_run() -> None:
    """As it was given, with where the caller reaches files; none, where none was given."""
    target = target_of(_submit("https://example.com/done?token=%20x"))
    assert target is not None
    assert target.url == "https://example.com/done?token=%20x"
    assert target.media == "http://127.0.0.1:8000/media"
    private = target_of(_submit("http://127.0.0.1:9000/x", allow_private_webhooks=True))
    assert private is not None
    assert target_of(_submit("")) is None


def _submit(url: str, **settings: bool) -> Request:
    return submit_of(settings=settings, fal_webhook=url)


def submit_of(settings: Mapping[str, bool] | None = None, **query: str) -> Request:
    """Return a submit with a query."""
    house = SimpleNamespace(
        **{"public_address": None, "allow_private_webhooks": False, **(settings or {})}
    )
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/queue/x",
        "query_string": urlencode(query).encode(),
        "headers": [(b"host", b"127.0.0.1:8000")],
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "app": SimpleNamespace(state=SimpleNamespace(house=house)),
    }
    return Request(scope)


def _sheet() -> Ref:
    return Ref(path="sheets/00/00.jpg", sha256="0" * 64, size=1)
