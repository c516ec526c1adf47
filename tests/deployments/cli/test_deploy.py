"""`ltx deploy` against a real server: what it makes, shows, leaves alone and removes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments import run_deployment
from prefect.events.schemas.automations import EventTrigger
from prefect.flows import load_flow_from_entrypoint
from prefect.workers.process import ProcessWorker
from typer.testing import CliRunner

from deployments.cli.main import app
from deployments.rollout.declared import FILES, read_declared
from ltxv.errors import Refused
from tests.deployments.cli.conftest import Ltx
from tests.flows.conftest import small_request

DEPLOYED = {
    "generate-video/gpu": ("gpu", "interactive"),
    "generate-video/batch": ("gpu", "batch"),
    "draft-videos/gpu": ("gpu", "interactive"),
    "sweep-settings/gpu": ("gpu", "interactive"),
    "generate-batch/cpu": ("cpu", "default"),
    "generate-batch/nightly": ("cpu", "default"),
    "upkeep/daily": ("cpu", "default"),
    "restart-crashed/cpu": ("cpu", "default"),
    "deliver-webhook/cpu": ("cpu", "default"),
    "tell-progress/cpu": ("cpu", "default"),
}
REQUEST = small_request().model_dump(mode="json")
PARAMETERS = {
    "generate-video": {"request": REQUEST},
    "draft-videos": {"request": REQUEST},
    "sweep-settings": {"request": REQUEST, "grid": {"seed": [1, 2]}},
    "generate-batch": {"manifest": "night.jsonl"},
    "upkeep": {},
    "restart-crashed": {"flow_run_id": "00000000-0000-4000-8000-000000000000"},
    "deliver-webhook": {"flow_run_id": "00000000-0000-4000-8000-000000000000"},
    "tell-progress": {"flow_run_id": "00000000-0000-4000-8000-000000000000"},
}

Edit = Callable[..., Path]


@pytest.fixture
def client(prefect_server: None) -> Iterator[SyncPrefectClient]:
    """A client of a server on which nothing is deployed, before and afterwards."""
    with get_client(sync_client=True) as client:
        clear(client)
        yield client
        clear(client)


def clear(client: SyncPrefectClient) -> None:
    """Take from the server what other tests deployed."""
    for deployment in client.read_deployments():
        client.delete_deployment(deployment.id)
    for automation in client.read_automations():
        client.delete_automation(automation.id)
    for pool in client.read_work_pools():
        client.delete_work_pool(pool.name)


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """Return a function that writes both files as they are, but for what is replaced."""

    def write(**replaced: Callable[[Any], object]) -> Path:
        for name in ("prefect", "pools"):
            data = yaml.safe_load(FILES.with_name(f"{name}.yaml").read_text())
            if name in replaced:
                replaced[name](data)
            (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
        return tmp_path / "prefect.yaml"

    return write


def changes(*arguments: str) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Run `ltx deploy`, in this process, and return its changes."""
    done = CliRunner().invoke(app, ["deploy", *arguments])
    assert done.exit_code == 0, done.exception
    listed = json.loads(done.stdout)["changes"]
    return {(one["change"], one["kind"], one["name"]): one for one in listed}


def test_a_fresh_server_gets_everything_and_the_second_time_nothing(
    ltx: Ltx, client: SyncPrefectClient
) -> None:
    """Everything is there, a run of each deployment reaches its queue, then nothing changes."""
    shown = ltx("deploy", "--dry-run", server=True)
    assert "+ work queue gpu/interactive\n" in shown.stderr
    assert client.read_work_pools() == []
    made = changes()
    assert {sign for sign, _, _ in made} == {"+"}
    assert {name for _, kind, name in made if kind == "deployment"} == set(DEPLOYED)
    queues = client.read_work_queues(work_pool_name="gpu")
    assert [(queue.name, queue.priority) for queue in queues] == [
        ("interactive", 1),
        ("batch", 2),
        ("default", 3),
    ]
    template = ProcessWorker.get_default_base_job_template()
    assert client.read_work_pool("gpu").base_job_template == template
    for name, where in DEPLOYED.items():
        parameters = PARAMETERS[name.partition("/")[0]]
        run = run_deployment(name, parameters=parameters, timeout=0)
        assert (run.work_pool_name, run.work_queue_name) == where  # type: ignore[union-attr]
        assert "ltx-flows" in run.tags  # type: ignore[union-attr]
    assert changes() == {}


def test_an_interactive_run_overtakes_waiting_rows(client: SyncPrefectClient) -> None:
    """A worker of the pool is given the run that came last before the rows that wait."""
    changes()
    parameters = PARAMETERS["generate-video"]
    rows = [
        run_deployment("generate-video/batch", parameters=parameters, timeout=0) for _ in range(3)
    ]
    person = run_deployment("generate-video/gpu", parameters=parameters, timeout=0)
    given = client.get_scheduled_flow_runs_for_work_pool("gpu")
    ids = [one.flow_run.id for one in given]
    assert ids[0] == person.id  # type: ignore[union-attr]
    assert set(ids[1:]) == {row.id for row in rows}  # type: ignore[union-attr]


def test_what_differs_is_shown_with_both_values_and_set_right(
    ltx: Ltx, client: SyncPrefectClient, edited: Edit
) -> None:
    """Changed files show as `~` with old and new, secrets hidden; a dry run leaves them so."""
    changes()

    def other_deployment(data: Any) -> None:
        first = data["deployments"][0]
        first["parameters"] = {"quality": "low"}
        first["work_pool"]["job_variables"] = {"env": {"STUDIO_TOKEN": "hush"}}
        data["deployments"][5]["schedules"][0]["cron"] = "30 3 * * *"

    def other_pools(data: Any) -> None:
        data["pools"]["gpu"]["concurrency_limit"] = 4
        data["pools"]["gpu"]["queues"]["batch"]["concurrency_limit"] = 2
        vanished = data["automations"]["ltx: a run whose process vanished has crashed"]
        vanished["trigger"]["within"] = 600

    file = edited(prefect=other_deployment, pools=other_pools)
    dry = ltx("deploy", "--dry-run", "--file", str(file), server=True)
    assert '    parameters.quality: none → "low"\n' in dry.stderr
    assert "hush" not in dry.stderr + dry.stdout
    assert client.read_deployment_by_name("generate-video/gpu").parameters == {}
    made = changes("--file", str(file))
    assert {sign for sign, _, _ in made} == {"~"}
    limits = made["~", "work pool", "gpu"]["fields"]
    assert limits == [{"name": "concurrency_limit", "old": "null", "new": "4"}]
    within = made["~", "automation", "ltx: a run whose process vanished has crashed"]["fields"]
    assert within == [{"name": "trigger.within", "old": '"0:03:00"', "new": '"0:10:00"'}]
    deployment = client.read_deployment_by_name("generate-video/gpu")
    assert deployment.parameters == {"quality": "low"}
    assert deployment.job_variables == {"env": {"STUDIO_TOKEN": "hush"}}
    assert deployment.work_queue_name == "interactive"
    schedule = client.read_deployment_by_name("generate-batch/nightly").schedules[0]
    assert isinstance(schedule.schedule, CronSchedule)
    assert schedule.schedule.cron == "30 3 * * *"
    assert changes("--file", str(file)) == {}


def test_what_the_files_drop_is_removed_only_by_prune(
    client: SyncPrefectClient, edited: Edit
) -> None:
    """Without `--prune` it is shown and kept; with it, only what `ltx deploy` made goes."""
    changes()
    client.create_work_queue("mine", work_pool_name="gpu", priority=9)

    def fewer(data: Any) -> None:
        data["deployments"] = [one for one in data["deployments"] if one["name"] == "gpu"]

    def fewer_pools(data: Any) -> None:
        del data["pools"]["cpu"], data["pools"]["gpu"]["queues"]["batch"]
        data["automations"] = {}

    file = str(edited(prefect=fewer, pools=fewer_pools))
    kept = changes("--file", file)
    assert {sign for sign, _, _ in kept} == {"-"}
    assert not any(one["done"] for one in kept.values())
    assert len(client.read_deployments()) == len(DEPLOYED)
    removed = changes("--prune", "--file", file)
    assert set(removed) == set(kept)
    assert {pool.name for pool in client.read_work_pools()} == {"gpu"}
    queues = client.read_work_queues(work_pool_name="gpu")
    assert {queue.name for queue in queues} == {"interactive", "default", "mine"}
    assert {one.name for one in client.read_deployments()} == {"gpu"}
    assert client.read_automations() == []
    assert changes("--prune", "--file", file) == {}


def test_what_an_operator_decides_at_the_server_stays(client: SyncPrefectClient) -> None:
    """A manifest, a schedule that is switched on and a disabled automation outlive a deploy."""
    changes()
    nightly = client.read_deployment_by_name("generate-batch/nightly")
    assert [one.active for one in nightly.schedules] == [False]
    from prefect.client.schemas.actions import DeploymentUpdate  # noqa: PLC0415

    parameters = {**nightly.parameters, "manifest": "s3://mine/night.csv"}
    client.update_deployment(nightly.id, DeploymentUpdate(parameters=parameters))
    client.update_deployment_schedule(nightly.id, nightly.schedules[0].id, active=True)
    for automation in client.read_automations():
        client.pause_automation(automation.id)
    assert changes() == {}
    again = client.read_deployment_by_name("generate-batch/nightly")
    assert again.parameters["manifest"] == "s3://mine/night.csv"
    assert [one.active for one in again.schedules] == [True]
    assert [one.enabled for one in client.read_automations()] == [False] * 5


@pytest.mark.parametrize("number", range(len(DEPLOYED)))
def test_each_deployment_names_a_flow_that_can_be_imported(number: int) -> None:
    """Nothing that is missing turns a flow into a placeholder, and none needs a file's folder."""
    deployment = read_declared(FILES).deployments[number]
    flow = load_flow_from_entrypoint(deployment.entrypoint, use_placeholder_flow=False)
    assert f"{flow.name}/{deployment.name}" in DEPLOYED
    assert ":" not in deployment.entrypoint


def test_a_run_that_crashes_is_looked_for_by_its_tag() -> None:
    """Deployments that are started again are tagged so; the flow that does it is not."""
    declared = read_declared(FILES)
    tagged = {
        deployment.entrypoint
        for deployment in declared.deployments
        if "restart-if-crashed" in deployment.tags
    }
    assert "deployments.restart_crashed.restart_crashed" not in tagged
    assert len(tagged) == len({one.entrypoint for one in declared.deployments}) - 1
    triggers = [automation.trigger for automation in declared.automations.values()]
    assert all(isinstance(EventTrigger.model_validate(one), EventTrigger) for one in triggers)


@pytest.mark.parametrize(
    ("replaced", "said"),
    [
        (("work_queue_name: batch", "work_queue_name: bach"), "no queue 'bach'"),
        (("t: flows.draft.", "t: flows.daft."), "No module named 'flows.daft'"),
        (("concurrency: 8", "concurency: 8"), "concurency: generate-batch takes manifest"),
        (("    description: A row", "    descripton: A row"), "do you mean description?"),
        (('cron: "0 2 * * *"', "{"), "is not YAML"),
    ],
)
def test_a_mistake_in_the_file_is_told_by_its_line(
    prefect_server: None, tmp_path: Path, replaced: tuple[str, str], said: str
) -> None:
    """Wrong YAML, fields, queues, parameters and entrypoints are refused with line and reason."""
    text = FILES.read_text()
    old, new = replaced
    assert old in text
    (tmp_path / "prefect.yaml").write_text(text.replace(old, new))
    (tmp_path / "pools.yaml").write_text(FILES.with_name("pools.yaml").read_text())
    file = str(tmp_path / "prefect.yaml")
    done = CliRunner().invoke(app, ["deploy", "--dry-run", "--file", file])
    assert isinstance(done.exception, Refused)
    told = str(done.exception)
    assert said in told
    line = text[: text.index(old)].count("\n") + 1
    number = told.partition("prefect.yaml line ")[2].partition(":")[0].partition(",")[0]
    assert abs(int(number) - line) <= 1


def test_a_server_that_is_away_is_one_line(ltx: Ltx, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is tried for minutes; the address and what to do are in the message."""
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "0")
    done = ltx("deploy")
    assert done.returncode == 1
    assert "127.0.0.1:9" in done.stderr
    assert "cannot be reached" in done.stderr
