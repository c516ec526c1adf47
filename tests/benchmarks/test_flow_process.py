"""The benchmark of a flow run's process: what it reads from the interpreter, and a real process."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL

from benchmarks.first_task import FirstTask, first_task
from benchmarks.fleet import Pool
from benchmarks.flow_process import ENGINE, FLOW, GOAL_MIB, Findings
from benchmarks.house import furnished
from benchmarks.imports import Imported, imported, shares

SAID = """\
import time: self [us] | cumulative | imported package
import time:       100 |        100 |   zipimport
import time:   1500000 |    1500000 |     prefect.flows
import time:    250000 |    1750000 |   prefect
a warning of some module
import time:    700000 |    2450000 | flows.generate
"""


def test_time_is_added_up_by_package() -> None:
    """Own time counts, of all modules of a package together, and the dearest comes first."""
    assert list(shares(SAID.splitlines()).items()) == [
        ("prefect", 1.75),
        ("flows", 0.7),
        ("zipimport", 0.0001),
    ]


def test_an_import_is_timed_in_a_process_of_its_own() -> None:
    """What this process has imported already costs a fresh one its time and memory."""
    found = imported("json", "decimal")
    assert found.seconds > 0
    assert found.mib > 5


def test_goals_are_judged_where_they_are_set() -> None:
    """Seconds are judged for the flow's imports, memory at the first task."""
    imports = {ENGINE: [Imported(9, 9, 900)], FLOW: [Imported(1.4, 9, 900)]}
    costs, _ = Findings(imports, [FirstTask(9, 9, 251, torch=False)], {"prefect": 1.0}).tables()
    assert [row[3] for row in costs.rows] == ["", "met", ""]
    assert [row[7] for row in costs.rows] == ["", "", "missed"]


@pytest.mark.slow
def test_a_real_process_stays_small_up_to_its_first_task(
    prefect_server: None, tmp_path: Path
) -> None:
    """The process that a worker starts has no PyTorch and no more memory than is aimed at."""
    run = Pool(furnished(tmp_path, threads=1)).ask({"prompt": "a cat looks up", "seed": 7})
    found = first_task(run.id, api=str(PREFECT_API_URL.value()))
    assert not found.torch
    assert found.mib < GOAL_MIB
