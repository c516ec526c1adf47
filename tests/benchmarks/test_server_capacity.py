"""The benchmark of a Prefect server: its arithmetic, and its plumbing on few runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.settings import PREFECT_API_URL

from benchmarks.fleet import Pool
from benchmarks.house import furnished
from benchmarks.server_capacity import Bench, Case, Findings, Taken, Target, measure


@pytest.mark.slow
def test_a_real_server_takes_all_runs(prefect_server: None, tmp_path: Path) -> None:
    """Every run that was submitted is carried out, and each case has a line."""
    pool = Pool(furnished(tmp_path, threads=1))
    target = Target("SQLite", str(PREFECT_API_URL.value()), pool)
    found = measure(Bench(queued=(1, 3), repeats=1), [target])
    assert [row[:2] for row in found.table().rows] == [("SQLite", "1"), ("SQLite", "3")]
    mine = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[pool.deployment]))
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_run_filter=mine)
    assert [run.state.name for run in runs if run.state] == ["Completed"] * (1 + 1 + 3)


def test_rates_come_from_the_medians() -> None:
    """Runs a second are all runs over the seconds that they took."""
    rounds = {Case("SQLite", 10): [Taken(1, 4), Taken(2, 5), Taken(5, 10)]}
    (row,) = Findings(rounds).table().rows
    assert row == ("SQLite", "10", "5.00 (2.00 to 10.00)", "2.00 (1.00 to 2.50)")
