"""A gateway on a port of its own, in front of the session's Prefect server."""

from __future__ import annotations

import contextvars
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.client.schemas.objects import FlowRun
from prefect.deployments.runner import RunnerDeployment
from prefect.states import State
from prefect.types.entrypoint import EntrypointType

from blocks.gateway_identity import GatewayIdentity
from blocks.media_store import MediaStore
from deployments.gateway.access.allowance import Allowance
from deployments.gateway.access.key_ring import KeyRing
from deployments.gateway.access.seal import Seal
from deployments.gateway.endpoint_ids import MULTICONDITIONING, endpoints_of
from deployments.gateway.house import House as GatewayHouse
from deployments.gateway.serve import Listening, server_of
from deployments.gateway.webhooks.key import WebhookKey
from flows.draft import draft_videos
from flows.generate import generate_video

SUBMIT = f"/queue/{MULTICONDITIONING}"
REQUESTS = "/queue/fal-ai/ltx-video-13b-distilled/requests"
SMALL: Mapping[str, Any] = {"prompt": "a cat looks up", "number_of_frames": 9, "seed": 7}


@dataclass(frozen=True)
class Gateway:
    """A gateway that runs, and the store it shares with workers that are not there."""

    url: str
    store: MediaStore
    pool: str
    house: GatewayHouse

    def client(self, **options: Any) -> httpx.Client:
        """Return an HTTP client of it."""
        return httpx.Client(base_url=self.url, timeout=30, **options)

    def submit(self, **fields: Any) -> dict[str, Any]:
        """Submit a small request; no two are the same."""
        asked = {**SMALL, "prompt": f"a cat {uuid.uuid4().hex}", **fields}
        with self.client() as client:
            answer = client.post(SUBMIT, json=asked)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Ask for something."""
        with self.client() as client:
            return client.get(path, **options)


def run_of(request_id: str) -> FlowRun:
    """Return the flow run of a request."""
    with get_client(sync_client=True) as client:
        return client.read_flow_run(uuid.UUID(request_id))


def runs_of(prompt: str) -> list[FlowRun]:
    """Return the flow runs of a prompt that no other test asks for."""
    named = FlowRunFilter(name=FlowRunFilterName(any_=[prompt]))
    with get_client(sync_client=True) as client:
        return list(client.read_flow_runs(flow_run_filter=named))


def turn(request_id: str, state: State[Any]) -> None:
    """Do as a worker does that brings a run into a state."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(uuid.UUID(request_id), state, force=True)


def wait_for(gateway: Gateway, path: str, status: str, *, seconds: float = 20) -> dict[str, Any]:
    """Return the first answer of a status address that has this status."""
    until = time.monotonic() + seconds
    with gateway.client() as client:
        while True:
            told: dict[str, Any] = client.get(path).json()
            if told["status"] == status:
                return told
            assert time.monotonic() < until, told
            time.sleep(0.1)


@pytest.fixture(scope="module")
def gateway(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway without keys, on this machine; nobody works at its pool.

    One for each file: tests of `ltx deploy` leave no deployment at the server.
    """
    name = f"gateway-{uuid.uuid4().hex[:8]}"
    store = MediaStore(root=str(tmp_path_factory.mktemp("gateway")))
    store.save(name)
    deploy(name, store=name)
    house = house_before(name, store)
    with serving(house) as url:
        yield Gateway(url, store, name, house)


def house_before(name: str, store: MediaStore) -> GatewayHouse:
    """Return what a gateway without keys, before a deployment and a store, was started with."""
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(f"generate-video/{name}")
    keys, identity = KeyRing(store), GatewayIdentity.made()
    return GatewayHouse(
        store=store,
        endpoints=endpoints_of(deployment),
        keys=keys,
        allowance=Allowance(keys),
        seal=Seal(identity.secret.get_secret_value()),
        webhook_key=WebhookKey(identity.webhook_key.get_secret_value()),
    )


@pytest.fixture(scope="module")
def drafting(gateway: Gateway) -> Iterator[Gateway]:
    """A gateway whose pool makes drafts as well."""
    deploy_drafts(gateway.pool)
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(f"generate-video/{gateway.pool}")
    house = replace(gateway.house, endpoints=endpoints_of(deployment))
    with serving(house) as url:
        yield replace(gateway, url=url, house=house)


def deploy(name: str, **parameters: str) -> None:
    """Make a pool with the queues of `ltx deploy`, and a deployment of the same name there."""
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=name, type="process"))
        for queue, priority in (("interactive", 1), ("batch", 2)):
            client.create_work_queue(name=queue, work_pool_name=name, priority=priority)
    RunnerDeployment.from_flow(
        generate_video,
        name=name,
        parameters=parameters,
        work_pool_name=name,
        work_queue_name="interactive",
        entrypoint_type=EntrypointType.MODULE_PATH,
    ).apply()


def deploy_drafts(name: str) -> None:
    """Have the same pool make drafts, by a deployment of the same name."""
    RunnerDeployment.from_flow(
        draft_videos,
        name=name,
        work_pool_name=name,
        work_queue_name="interactive",
        entrypoint_type=EntrypointType.MODULE_PATH,
    ).apply()


@contextmanager
def serving(house: GatewayHouse) -> Iterator[str]:
    """Serve a gateway on a free port of this machine, in a thread; give its address."""
    listening = Listening(host="127.0.0.1", port=0)
    server = server_of(house, listening)
    context = contextvars.copy_context()  # Prefect's settings are the context's
    with listening.opened() as listener:
        thread = threading.Thread(
            target=context.run, args=(server.run,), kwargs={"sockets": [listener]}
        )
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)
