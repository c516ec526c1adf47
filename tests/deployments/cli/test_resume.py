"""`ltx resume`: runs whose process was killed, and those that cannot be gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelled, Crashed
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner

from blocks.prompt_expander import PromptExpander
from deployments.cli.main import app
from flows.batch import generate_batch
from flows.generate import generate_video
from flows.sweep import sweep_settings
from ltxv.request import parse_request
from tests.chat_server import says
from tests.conftest import SAMPLES
from tests.deployments.cli.conftest import Ltx
from tests.flows.batches import row, write
from tests.flows.conftest import House, furnished, new_house, small_request
from tests.flows.test_stores import house_around
from tests.s3_server import S3Server
from tests.stores import in_bucket

__all__ = ["new_house"]

DOOMED = Path(__file__).parents[1] / "doomed_run.py"
REQUEST = {
    "prompt": "a cat looks up",
    "images": [{"image_url": ""}],
    "resolution": "480p",
    "aspect_ratio": "1:1",
    "number_of_frames": 9,
    "first_pass_number_of_steps": 3,
    "second_pass_number_of_steps": 4,
    "second_pass_skip_initial_steps": 2,
    "reverse_video": True,
}
SEED = 11
WRITTEN = "A grey cat looks up from a red cushion while the camera comes closer."
EARLY = ["screen_prompt", "fetch_media", "compress_media", "encode_prompt"]
LATE = ["decode", "reverse", "screen_frames", "write_video", "upload"]
ORDER = [*EARLY[:3], "expand_prompt", "encode_prompt", "first_pass", "second_pass", *LATE]
"""Every stage, as a run comes to it."""


@dataclass(frozen=True)
class Killed:
    """A run that was killed."""

    run: str
    house: House
    request: dict[str, Any]


@pytest.fixture
def request_fields() -> dict[str, Any]:
    """A request with a photo inside, so that every stage has something to do."""
    return with_photo()


def with_photo() -> dict[str, Any]:
    """Return the request with a photo inside."""
    from tests.flows.test_generate import data_uri  # noqa: PLC0415 - pytest collects its tests

    return {
        **REQUEST,
        "images": [{"image_url": data_uri(SAMPLES / "cat.jpg", "image/jpeg")}],
    }


@pytest.fixture(scope="module")
def executioner(prefect_server: None) -> Iterator[subprocess.Popen[str]]:
    """A process that starts runs and kills them, ready for one line each."""
    with subprocess.Popen(
        [sys.executable, str(DOOMED)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value())},
    ) as process:
        yield process


@pytest.fixture
def kill(executioner: subprocess.Popen[str]) -> Callable[..., Killed]:
    """Return a function that runs a request in a process which is killed at a stage."""

    def make(stage: str, moment: str, *, house: House, request: dict[str, Any]) -> Killed:
        blocks = {
            "model": house.model,
            "store": house.store,
            "safety": house.safety,
            "expander": house.expander,
        }
        spec = {"request": request, "blocks": blocks, "at": [stage, moment]}
        assert executioner.stdin
        assert executioner.stdout
        executioner.stdin.write(f"{json.dumps(spec)}\n")
        executioner.stdin.flush()
        run, ended = executioner.stdout.readline(), executioner.stdout.readline()
        assert ended.strip() == str(int(signal.SIGKILL)), (run, ended)
        return Killed(run=run.strip(), house=house, request=request)

    return make


def latents(house: House) -> dict[str, bytes]:
    """Return what both passes made, by digest."""
    return {file.name: file.read_bytes() for file in (house.root / "latents").rglob("*.s*")}


@pytest.fixture(scope="module")
def undisturbed(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What both passes make of the request, written out and with the seed, if nothing happens."""
    house = furnished(tmp_path_factory.mktemp("undisturbed"))
    generate_video(
        parse_request({**with_photo(), "prompt": WRITTEN, "seed": SEED}),
        model=house.model,
        store=house.store,
        safety=house.safety,
    )
    return latents(house)


def is_whole(run: str) -> None:
    """Check that the server calls a run finished and none of its tasks running."""
    with get_client(sync_client=True) as client:
        found = client.read_flow_run(run)  # type: ignore[arg-type]
        tasks = client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[found.id]))
        )
    assert found.state is not None
    assert found.state.is_completed()
    assert not [task.name for task in tasks if task.state and task.state.is_running()]


def test_a_killed_pass_begins_anew_and_nothing_else_does(
    kill: Callable[..., Killed],
    new_house: Callable[..., House],
    ltx: Ltx,
    request_fields: dict[str, Any],
) -> None:
    """After SIGKILL in the second pass, the run ends under its id with the undisturbed pixels.

    Its seed is one that was drawn.
    """
    house = new_house(lease_seconds=2)
    killed = kill("second_pass", "step", house=house, request=request_fields)
    listed = [json.loads(line) for line in CliRunner().invoke(app, "resume").stdout.splitlines()]
    assert killed.run in [line["run"] for line in listed]
    result = resumed(killed.run)
    other = new_house()
    other.make(**request_fields, seed=result["seed"])
    assert len(latents(killed.house)) == 2
    assert latents(killed.house) == latents(other)
    assert cached(result) == {*EARLY, "first_pass"}
    again = ltx("resume", killed.run, server=True)
    assert (again.returncode, again.stdout) == (1, "")
    assert "it is finished" in again.stderr


PLACES = [
    *[(stage, "start") for stage in ["screen_prompt", "fetch_media", "compress_media"]],
    *[(stage, "start") for stage in ["expand_prompt", "encode_prompt"]],
    *[(stage, "step") for stage in ["first_pass", "second_pass", "decode"]],
    ("second_pass", "end"),
    *[(stage, "start") for stage in ["reverse", "screen_frames", "write_video", "upload"]],
]


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES, ids=" ".join)
def test_a_run_that_is_killed_in_any_stage_can_be_resumed(
    kill: Callable[..., Killed],
    new_house: Callable[..., House],
    undisturbed: dict[str, bytes],
    httpserver: HTTPServer,
    place: tuple[str, str],
) -> None:
    """Wherever SIGKILL comes, what was finished is used and the latents are the undisturbed."""
    says(httpserver, WRITTEN)
    house = new_house(lease_seconds=2)
    expander = PromptExpander(backend="endpoint", base_url=httpserver.url_for("/v1"), model="llm")
    expander.save(house.store)
    stage, moment = place
    killed = kill(
        stage,
        moment,
        house=replace(house, expander=house.store),
        request={**with_photo(), "expand_prompt": True, "seed": SEED},
    )
    states = states_of(resumed(killed.run))
    assert latents(house) == undisturbed
    assert set(states) == {name for name, _ in PLACES} == set(ORDER)
    finished = set(ORDER[: ORDER.index(stage) + (moment == "end")])
    if stage in LATE[:4]:
        finished -= set(LATE)  # frames are never kept
    if ORDER.index(stage) <= ORDER.index("expand_prompt"):
        finished -= {"screen_prompt"}  # it runs once more, on what is written out
    assert {states[name] for name in finished} <= {"cached", "skipped"}


@pytest.mark.slow
def test_a_killed_run_is_resumed_from_a_bucket(
    kill: Callable[..., Killed], undisturbed: dict[str, bytes], s3_server: S3Server, ltx: Ltx
) -> None:
    """With all stages in a bucket the run goes on as from a folder, to the same latents."""
    kept = in_bucket(s3_server, lease_seconds=2)
    house = house_around(kept.store)
    request = {**with_photo(), "prompt": WRITTEN, "seed": SEED}
    killed = kill("second_pass", "step", house=house, request=request)
    done = ltx("resume", killed.run, server=True)
    assert done.returncode == 0, done.stderr
    is_whole(killed.run)
    keys = [key for key in kept.keys() if key.startswith("latents/")]  # noqa: SIM118 - no dict
    made = {key.rpartition("/")[2]: kept.read(key) for key in keys}
    assert made == undisturbed
    assert cached(json.loads(done.stdout)) == {*EARLY, "first_pass"}


def resumed(run: str) -> dict[str, Any]:
    """Go on with a run to its end; return its result."""
    done = CliRunner().invoke(app, ["resume", run])
    assert done.exit_code == 0, done.stderr
    is_whole(run)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def states_of(result: dict[str, Any]) -> dict[str, str]:
    """Return what each stage did."""
    return {stage["name"]: stage["state"] for stage in result["stages"]}


def cached(result: dict[str, Any]) -> set[str]:
    """Return the stages that were taken from the store."""
    return {stage for stage, state in states_of(result).items() if state == "cached"}


@pytest.mark.slow
def test_sweeps_and_batches_of_this_machine_are_gone_on_with(
    new_house: Callable[..., House], ltx: Ltx, tmp_path: Path
) -> None:
    """Each ends with its own result as one line of JSON; a batch's manifest may be a file here."""
    house = new_house()
    blocks = {"model": house.model, "store": house.store, "safety": house.safety}
    small = small_request().model_dump(mode="json")
    manifest = write(tmp_path / "m.jsonl", row("a"))
    left = {
        sweep_settings: {"request": small, "grid": {"seed": [1, 2]}, "dry_run": True},
        generate_batch: {"manifest": str(manifest), "output": str(tmp_path / "out")},
    }
    results = []
    for flow, parameters in left.items():
        with get_client(sync_client=True) as client:
            run = client.create_flow_run(flow, parameters={**parameters, **blocks})
            client.set_flow_run_state(run.id, Crashed(), force=True)
        done = ltx("resume", str(run.id), server=True)
        assert done.returncode == 0, done.stderr
        results.append(json.loads(done.stdout))
    swept, batched = results
    assert swept["plan"]["stages"]["first_pass"] == 2
    assert (batched["made"], batched["failed"]) == (1, 0)


def test_what_cannot_be_resumed_is_said(
    new_house: Callable[..., House], ltx: Ltx, request_fields: dict[str, Any]
) -> None:
    """Unknown, cancelled and still running runs are one clear error each."""
    unknown = ltx("resume", "00000000-0000-4000-8000-000000000000", server=True)
    assert unknown.returncode == 1
    assert "there is no such flow run" in unknown.stderr
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(generate_video, parameters={"request": request_fields})
        client.update_flow_run(run.id, infrastructure_pid=f"{os.uname().nodename}:{os.getpid()}")
        alive = ltx("resume", str(run.id), server=True)
        assert f"process {os.getpid()} still runs it" in alive.stderr
        client.update_flow_run(run.id, infrastructure_pid="another-machine:1")
        away = ltx("resume", str(run.id), server=True)
        assert "it runs in process 1 of another-machine" in away.stderr
        client.set_flow_run_state(run.id, Cancelled(), force=True)
        cancelled = ltx("resume", str(run.id)[:13], server=True)
        assert "it was cancelled" in cancelled.stderr
    assert [run.returncode for run in (alive, away, cancelled)] == [1, 1, 1]
