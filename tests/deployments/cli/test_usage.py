"""`ltx usage`: what runs used, added up."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from prefect import get_client
from prefect.states import Completed, Failed, Running
from typer.testing import CliRunner

from deployments.cli.main import app
from flows.accounts import COST, GPU_SECONDS, VIDEOS
from flows.generate import generate_video
from tests.flows.conftest import small_request


def usage(*options: str) -> tuple[dict[str, Any], str]:
    """Return the report and what is shown."""
    done = CliRunner().invoke(app, ["usage", *options])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout), done.stderr


def ran(*tags: str, failed: bool = False, **labels: float) -> None:
    """Have the server know a run that ended, with these tags and labels."""
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(
            generate_video, parameters={"request": small_request()}, tags=list(tags)
        )
        client.set_flow_run_state(run.id, Running(), force=True)
        client.set_flow_run_state(run.id, Failed() if failed else Completed(), force=True)
        client.update_flow_run_labels(run.id, {f"ltx.{name}": n for name, n in labels.items()})


@pytest.fixture
def tag(prefect_server: None) -> str:
    """A tag that no other test's run has."""
    return f"client-{uuid.uuid4().hex[:8]}"


def line_of(report: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the line of a name."""
    (line,) = [line for line in report["lines"] if line["name"] == name]
    return line


def test_runs_are_added_up_by_tag(tag: str) -> None:
    """Videos, failures, GPU seconds and cost are sums; a run with two tags is in both lines."""
    assert {GPU_SECONDS, COST, VIDEOS} == {"ltx.gpu_seconds", "ltx.cost", "ltx.videos"}
    ran(tag, gpu_seconds=10.5, videos=1, cost=0.01)
    ran(tag, f"{tag}-b", gpu_seconds=4, videos=2, cost=0.02)
    ran(tag, gpu_seconds=1, failed=True)
    report, shown = usage("--by", "tag", "--days", "1")
    assert line_of(report, tag) == {
        "name": tag,
        "runs": 3,
        "failed": 1,
        "videos": 3,
        "gpu_seconds": 15.5,
        "cost": 0.03,
    }
    assert line_of(report, f"{tag}-b")["runs"] == 1
    assert report["total"]["runs"] >= 3
    (row,) = [line.split() for line in shown.splitlines() if line.startswith(f"{tag} ")]
    assert row == [tag, "3", "1", "3", "15.5", "5.2", "0.03"]


def test_a_price_of_the_command_is_that_of_all_runs(tag: str) -> None:
    """It takes the place of what the runs' models had."""
    ran(tag, gpu_seconds=1800, videos=1, cost=0.01)
    ran(tag, gpu_seconds=1800, videos=1)
    report, _ = usage("--by", "tag", "--gpu-hour-price", "3")
    assert line_of(report, tag)["cost"] == 3


def test_days_and_deployments_are_other_lines(tag: str) -> None:
    """By day in order; runs that no deployment started are a line of their own."""
    ran(tag, gpu_seconds=1)
    by_day, _ = usage("--by", "day")
    assert [line["name"] for line in by_day["lines"]] == sorted(
        line["name"] for line in by_day["lines"]
    )
    by_deployment, _ = usage()
    assert line_of(by_deployment, "(none)")["gpu_seconds"] >= 1
    assert sum(line["runs"] for line in by_day["lines"]) == by_day["total"]["runs"]
