"""What is left of runs that something happened to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
from prefect import get_client
from prefect.client.schemas.objects import FlowRun, State, TaskRun

from blocks.media_store.keys import LEASES, OUTPUTS
from blocks.run_notes import noted_run
from tests.deployments.worker.plant import Plant, wait_until


def state_of(run: FlowRun | TaskRun) -> State[Any]:
    """Return the state that a run, or a task of one, is in."""
    assert run.state is not None
    return run.state


def intact(plant: Plant, run: FlowRun) -> None:
    """Assert that a run completed, once, and left nothing behind."""
    assert state_of(run).is_completed(), state_of(run).message
    assert all(state_of(task).is_final() for task in plant.tasks(run))
    note = noted_run(str(run.id), plant.store)
    assert note is not None
    assert (plant.house.root / OUTPUTS / note.result.video.file_name).is_file()
    assert held(plant) == []


def held(plant: Plant) -> list[Path]:
    """Return the locks on stages that somebody has, or had when he was killed."""
    return [file for file in (plant.house.root / LEASES).rglob("*") if file.is_file()]


def ran(plant: Plant, run: FlowRun, stage: str) -> list[str]:
    """Return how often a stage was asked for in a run, and how each time ended."""
    return [
        state_of(task).name or ""
        for task in plant.tasks(run)
        if task.name.rpartition("-")[0] == stage
    ]


def read(run: FlowRun) -> FlowRun:
    """Return a run as the server has it now."""
    with get_client(sync_client=True) as client:
        return client.read_flow_run(run.id)


def completed(plant: Plant, run: FlowRun, *, seconds: float = 90) -> FlowRun:
    """Wait until a run that was started again completes."""
    wait_until(lambda: state_of(read(run)).is_completed(), seconds=seconds, what=plant.worker.said)
    return read(run)


def jobs(plant: Plant, run: FlowRun, stage: str, outcome: str = "done") -> int:
    """Count what the engine did for a run."""
    found = {"flow_run": str(run.id), "stage": stage, "outcome": outcome}
    return sum(found.items() <= line.items() for line in plant.worker.lines())


def gone(process: psutil.Process) -> bool:
    """Say whether a process has ended."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
