"""`ltx generate --deployment` with real workers: to its end, left alone, failed, and crashed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL
from prefect.states import Failed
from typer.testing import CliRunner

from deployments.cli.main import app
from deployments.cli.remote import with_default_deployment
from deployments.rollout.declared import FILES
from tests.conftest import SAMPLES
from tests.flows.conftest import House, new_house, small_request

__all__ = ["new_house"]

BIN = Path(sys.executable).parent
SMALL = small_request(images=[{"image_url": "cat.jpg"}]).model_dump(mode="json")
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def deployed(prefect_server: None, tmp_path: Path) -> Iterator[None]:
    """The server as `ltx deploy` sets it up, but for how soon a silent run has crashed."""
    (tmp_path / "prefect.yaml").write_text(FILES.read_text())
    pools = yaml.safe_load(FILES.with_name("pools.yaml").read_text())
    vanished = pools["automations"]["ltx: a run whose process vanished has crashed"]
    vanished["trigger"]["within"] = 40
    (tmp_path / "pools.yaml").write_text(yaml.safe_dump(pools))
    done = CliRunner().invoke(app, ["deploy", "--file", str(tmp_path / "prefect.yaml")])
    assert done.exit_code == 0, done.exception
    yield
    with get_client(sync_client=True) as client:
        for deployment in client.read_deployments():
            client.delete_deployment(deployment.id)
        for automation in client.read_automations():
            client.delete_automation(automation.id)
        for pool in client.read_work_pools():
            client.delete_work_pool(pool.name)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a program of the environment, with groups of their own."""
    started: list[subprocess.Popen[str]] = []

    def begin(program: str, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(BIN / program), *arguments],
            cwd=tmp_path,
            env={
                **os.environ,
                "PREFECT_API_URL": str(PREFECT_API_URL.value()),
                "PREFECT_WORKER_QUERY_SECONDS": "1",
            },
            stdout=subprocess.PIPE if program == "ltx" else subprocess.DEVNULL,
            stderr=(tmp_path / "stderr.txt").open("w") if program == "ltx" else subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        kill_all(process)


def kill_all(process: subprocess.Popen[str]) -> None:
    """Kill a program and what it started, at once."""
    try:
        family = [*psutil.Process(process.pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        family = []
    process.kill()
    for one in family:
        one.kill()
    process.wait()


@pytest.fixture
def house(new_house: Callable[..., House], tmp_path: Path) -> House:
    """Saved blocks, and a request with a file of this machine."""
    (tmp_path / "cat.jpg").write_bytes((SAMPLES / "cat.jpg").read_bytes())
    (tmp_path / "small.json").write_text(json.dumps(SMALL))
    return new_house()


def generate(start: Start, house: House, *arguments: str) -> subprocess.Popen[str]:
    """Start `ltx generate small.json --deployment`, with the blocks of the house."""
    blocks = ["--model", house.model, "--store", house.store, "--safety", house.safety]
    return start("ltx", "generate", "--deployment", "small.json", *blocks, *arguments)


def wait_for(text: str, tmp_path: Path, *, seconds: float = 60) -> str:
    """Return what the command said as soon as ``text`` is in it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        said = (tmp_path / "stderr.txt").read_text()
        if text in said:
            return said
        time.sleep(0.2)
    raise AssertionError(f"{text!r} is not in {said}")


def run_of(said: str) -> FlowRun:
    """Return the run that the command told of, as the server has it."""
    with get_client(sync_client=True) as client:
        return client.read_flow_run(said.partition("Flow run ")[2].split()[0])  # type: ignore[arg-type]


def test_workers_of_a_deployment_make_the_video(
    deployed: None, house: House, start: Start, tmp_path: Path
) -> None:
    """It waits for a worker, shows states and stages, prints the result and copies the clip."""
    command = generate(start, house, "-o", "out.mp4")
    wait_for("No worker of the work pool gpu is online", tmp_path)
    start("prefect", "worker", "start", "--pool", "gpu", "--type", "process")
    out, _ = command.communicate(timeout=120)
    said = (tmp_path / "stderr.txt").read_text()
    assert command.returncode == 0, said
    result = json.loads(out)
    assert (tmp_path / "out.mp4").stat().st_size == result["video"]["file_size"]
    assert result["seed"] == SMALL["seed"]
    assert {stage["name"] for stage in result["stages"]} >= {"first_pass", "upload"}
    run = run_of(said)
    assert (run.work_queue_name, run.work_pool_name) == ("interactive", "gpu")
    assert run.parameters["request"]["images"][0]["image_url"] != "cat.jpg"
    for line in ("Running …", "  first_pass: ran", "  upload: ran", "Wrote "):
        assert line in said


def test_who_stops_watching_leaves_the_run_going_on(
    deployed: None, house: House, start: Start, tmp_path: Path
) -> None:
    """Ctrl-C ends the command alone, and says how to follow and how to cancel the run."""
    command = generate(start, house)
    said = wait_for("Scheduled …", tmp_path)
    command.send_signal(signal.SIGINT)
    assert command.wait(timeout=30) == 130
    run = run_of(said)
    assert run.state is not None
    assert run.state.is_scheduled()
    last = (tmp_path / "stderr.txt").read_text()
    assert f"prefect flow-run watch {run.id}" in last
    assert f"prefect flow-run cancel {run.id}" in last
    assert "ltx: stopped" not in last


def test_a_run_that_fails_is_one_line(
    deployed: None, house: House, start: Start, tmp_path: Path
) -> None:
    """The flow's own reason is told, without the words that Prefect puts before it."""
    command = generate(start, house)
    run = run_of(wait_for("Scheduled …", tmp_path))
    message = "Flow run encountered an exception: Refused: prompt: it is unsafe"
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, Failed(message=message), force=True)
    assert command.wait(timeout=30) == 1
    assert "ltx: prompt: it is unsafe\n" in (tmp_path / "stderr.txt").read_text()


def test_a_deployment_that_is_not_there_is_named(
    deployed: None, house: House, start: Start, tmp_path: Path
) -> None:
    """The error lists those of the flow that are there."""
    command = start("ltx", "generate", "small.json", "--deployment", "generate-video/gpuu")
    assert command.wait(timeout=60) == 1
    said = (tmp_path / "stderr.txt").read_text()
    assert "no deployment 'generate-video/gpuu'" in said
    assert "generate-video/batch, generate-video/gpu" in said


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["generate", "--deployment"], ["generate", "--deployment", "generate-video/gpu"]),
        (
            ["generate", "--deployment", "-o", "a"],
            ["generate", "--deployment", "generate-video/gpu", "-o", "a"],
        ),
        (["generate", "--deployment", "generate-video/x", "a.json"], None),
        (["batch", "m.csv", "--deployment"], None),
    ],
)
def test_the_deployment_needs_no_name(given: list[str], meant: list[str] | None) -> None:
    """Before another option, a JSON file or the end, `--deployment` means the usual one."""
    assert with_default_deployment(given) == (meant or given)


@pytest.mark.slow
def test_a_run_whose_worker_and_process_were_killed_goes_on_under_its_id(
    deployed: None, house: House, start: Start, tmp_path: Path
) -> None:
    """Its silence makes it Crashed, it is started again, and the first pass is not made twice."""
    slow = {**SMALL, "number_of_frames": 33, "second_pass_number_of_steps": 20}
    (tmp_path / "small.json").write_text(json.dumps(slow))
    worker = start("prefect", "worker", "start", "--pool", "gpu", "--type", "process")
    start("prefect", "worker", "start", "--pool", "cpu", "--type", "process")
    command = generate(start, house)
    said = wait_for("  first_pass: ran", tmp_path, seconds=120)
    kill_all(worker)
    wait_for("Crashed: Its process gave no sign of life", tmp_path, seconds=180)
    start("prefect", "worker", "start", "--pool", "gpu", "--type", "process")
    out, _ = command.communicate(timeout=240)
    last = (tmp_path / "stderr.txt").read_text()
    assert command.returncode == 0, last
    stages = {stage["name"]: stage["state"] for stage in json.loads(out)["stages"]}
    assert (stages["first_pass"], stages["second_pass"]) == ("cached", "ran")
    run = run_of(said)
    assert run.state is not None
    assert run.state.is_completed()
    assert run.run_count == 2
    with get_client(sync_client=True) as client:
        mine = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
        tasks = client.read_task_runs(flow_run_filter=mine)
    assert all(task.state is not None and task.state.is_final() for task in tasks)
