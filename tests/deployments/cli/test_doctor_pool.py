"""`ltx doctor --pool`: what is wrong with a work pool."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.deployments.runner import RunnerDeployment
from prefect.states import Scheduled
from prefect.types.entrypoint import EntrypointType
from typer.testing import CliRunner

from deployments.cli.main import app
from flows.generate import generate_video
from tests.flows.conftest import small_request


def doctor(pool: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Return the exit code and the findings by name; what is not well has a remedy."""
    done = CliRunner().invoke(app, ["doctor", "--pool", pool])
    found: dict[str, list[dict[str, Any]]] = {}
    for check in json.loads(done.stdout)["checks"]:
        found.setdefault(check["name"], []).append(check)
        assert (check["state"] == "ok") is (check["remedy"] == "")
        assert check["detail"] in done.stderr
    return done.exit_code, found


@pytest.fixture
def client(prefect_server: None) -> Iterator[SyncPrefectClient]:
    """A client of the server."""
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def pool(client: SyncPrefectClient) -> Iterator[str]:
    """A pool with one deployment and no worker."""
    name = f"pool-{uuid.uuid4().hex[:8]}"
    client.create_work_pool(WorkPoolCreate(name=name, type="process"))
    RunnerDeployment.from_flow(
        generate_video,
        name=name,
        work_pool_name=name,
        entrypoint_type=EntrypointType.MODULE_PATH,
    ).apply()
    yield name
    client.delete_work_pool(name)


def states(found: dict[str, list[dict[str, Any]]], name: str) -> list[str]:
    """Return the states of the findings of one name."""
    return [check["state"] for check in found[name]]


def test_a_pool_that_is_not_there(prefect_server: None) -> None:
    """It fails with the pools that are, and how to make it."""
    code, found = doctor("no-such-pool")
    assert (code, states(found, "pool")) == (1, ["failed"])
    assert "no work pool 'no-such-pool'" in found["pool"][0]["detail"]
    assert "ltx deploy" in found["pool"][0]["remedy"]


def test_a_pool_that_nobody_serves(client: SyncPrefectClient, pool: str) -> None:
    """No worker is a failure; a worker that says it is there mends it; engines are not asked."""
    code, found = doctor(pool)
    assert (code, states(found, "pool"), states(found, "pool workers")) == (1, ["ok"], ["failed"])
    assert f"ltx worker --pool {pool}" in found["pool workers"][0]["remedy"]
    assert states(found, "pool deployments") == states(found, "pool queue") == ["ok"]
    client.send_worker_heartbeat(work_pool_name=pool, worker_name="box gpu 0")
    code, found = doctor(pool)
    assert (code, states(found, "pool workers")) == (0, ["ok"])
    assert "box gpu 0" in found["pool workers"][0]["detail"]
    assert "pool engine" not in found


def test_a_pool_and_a_queue_that_are_paused(client: SyncPrefectClient, pool: str) -> None:
    """Each fails with the command that resumes it; a limit of 0 fails as well."""
    client.update_work_pool(pool, WorkPoolUpdate(is_paused=True))
    queue = client.create_work_queue("batch", work_pool_name=pool, concurrency_limit=0)
    paused = client.create_work_queue("night", work_pool_name=pool, is_paused=True)
    assert queue.id != paused.id
    _, found = doctor(pool)
    assert f"prefect work-pool resume {pool}" in found["pool"][0]["remedy"]
    told = {check["detail"]: check["remedy"] for check in found["pool queue"]}
    assert sorted(states(found, "pool queue")) == ["failed", "failed", "ok"]
    assert told[f"{pool}/night is paused; its runs wait"] == (
        f"run `prefect work-queue resume night --pool {pool}`"
    )
    assert any("concurrency limit of 0" in detail for detail in told)


def test_runs_that_wait(client: SyncPrefectClient, pool: str) -> None:
    """Runs that are due and that nobody takes are counted, with how long the first has waited."""
    (deployment,) = [one for one in client.read_deployments() if one.name == pool]
    due = Scheduled(scheduled_time=datetime.now(UTC) - timedelta(minutes=5))
    for _ in range(2):
        client.create_flow_run_from_deployment(
            deployment.id,
            parameters={"request": small_request().model_dump(mode="json")},
            state=due,
        )
    _, found = doctor(pool)
    (waiting,) = found["pool runs"]
    assert waiting["state"] == "warning"
    assert waiting["detail"].startswith("2 wait for a worker, the first of them for 5 min")


def test_a_pool_that_gets_no_runs(client: SyncPrefectClient) -> None:
    """A pool without a deployment is a warning."""
    name = f"pool-{uuid.uuid4().hex[:8]}"
    client.create_work_pool(WorkPoolCreate(name=name, type="process"))
    _, found = doctor(name)
    assert states(found, "pool deployments") == ["warning"]
    assert "ltx deploy" in found["pool deployments"][0]["remedy"]
    client.delete_work_pool(name)
