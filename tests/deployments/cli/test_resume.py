"""`ltx resume`: runs whose process was killed, and those that cannot be gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelled, Crashed

from flows.batch import generate_batch
from flows.generate import generate_video
from flows.sweep import sweep_settings
from ltxv.request import parse_request
from tests.conftest import SAMPLES
from tests.deployments.cli.conftest import Ltx
from tests.flows.batches import row, write
from tests.flows.conftest import House, new_house, small_request

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
EARLY = ["screen_prompt", "fetch_media", "compress_media", "encode_prompt"]
LATE = ["decode", "reverse", "screen_frames", "write_video", "upload"]


@dataclass(frozen=True)
class Killed:
    """A run that was killed."""

    run: str
    house: House
    request: dict[str, Any]


@pytest.fixture
def request_fields() -> dict[str, Any]:
    """A request with a photo inside, so that every stage has something to do."""
    from tests.flows.test_generate import data_uri  # noqa: PLC0415 - pytest collects its tests

    return {
        **REQUEST,
        "images": [{"image_url": data_uri(SAMPLES / "cat.jpg", "image/jpeg")}],
    }


@pytest.fixture
def kill(new_house: Callable[..., House], request_fields: dict[str, Any]) -> Callable[..., Killed]:
    """Return a function that runs the request in a process which is killed at a stage."""

    def make(stage: str, moment: str) -> Killed:
        house = new_house()
        blocks = {"model": house.model, "store": house.store, "safety": house.safety}
        spec = {"request": request_fields, "blocks": blocks, "at": [stage, moment]}
        done = subprocess.run(
            [sys.executable, str(DOOMED), json.dumps(spec)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value())},
            timeout=300,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        return Killed(run=done.stdout.strip(), house=house, request=request_fields)

    return make


def latents(house: House) -> dict[str, bytes]:
    """Return what both passes made, by digest."""
    return {file.name: file.read_bytes() for file in (house.root / "latents").rglob("*.s*")}


def resumed_like_undisturbed(killed: Killed, ltx: Ltx, undisturbed: House) -> dict[str, str]:
    """Resume a run, compare it with one that nothing happened to; return its stages' states."""
    done = ltx("resume", killed.run, server=True)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    generate_video(
        parse_request({**killed.request, "seed": result["seed"]}),
        model=undisturbed.model,
        store=undisturbed.store,
        safety=undisturbed.safety,
    )
    made = latents(killed.house)
    assert len(made) == 2
    assert made == latents(undisturbed)
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(killed.run)  # type: ignore[arg-type]
        tasks = client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
        )
    assert run.state is not None
    assert run.state.is_completed()
    assert not [task.name for task in tasks if task.state and task.state.is_running()]
    return {stage["name"]: stage["state"] for stage in result["stages"]}


def test_a_killed_pass_begins_anew_and_nothing_else_does(
    kill: Callable[..., Killed], new_house: Callable[..., House], ltx: Ltx
) -> None:
    """After SIGKILL in the second pass, the run ends under its id with the undisturbed pixels."""
    killed = kill("second_pass", "step")
    listed = [json.loads(line) for line in ltx("resume", server=True).stdout.splitlines()]
    assert killed.run in [line["run"] for line in listed]
    states = resumed_like_undisturbed(killed, ltx, new_house())
    assert {stage for stage, state in states.items() if state == "cached"} == {
        *EARLY,
        "first_pass",
    }
    again = ltx("resume", killed.run, server=True)
    assert (again.returncode, again.stdout) == (1, "")
    assert "it is finished" in again.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "moment"),
    [
        *[(stage, "start") for stage in ["compress_media", "encode_prompt", *LATE[2:]]],
        *[(stage, "step") for stage in ["first_pass", "decode"]],
        ("second_pass", "end"),
    ],
)
def test_a_run_that_is_killed_anywhere_can_be_resumed(
    kill: Callable[..., Killed],
    new_house: Callable[..., House],
    ltx: Ltx,
    stage: str,
    moment: str,
) -> None:
    """Wherever SIGKILL comes, the latents are those of an undisturbed run."""
    states = resumed_like_undisturbed(kill(stage, moment), ltx, new_house())
    order = list(states)
    before = order[: order.index(stage) + (moment == "end")]
    lost_with_its_frames = LATE if stage in LATE[:4] else []
    for name in before:
        if name not in lost_with_its_frames:
            assert states[name] in {"cached", "skipped"}, name


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
