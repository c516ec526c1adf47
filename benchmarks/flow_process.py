"""What a flow run's process costs before its first task: seconds of imports, and memory.

With a warm engine beside it the process needs no PyTorch; with three runs a GPU it is there three
times. ``python -m benchmarks.flow_process`` runs it, in a minute.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.settings import PREFECT_API_URL

from benchmarks.first_task import FirstTask, first_task
from benchmarks.fleet import Pool, serving
from benchmarks.house import House, furnished
from benchmarks.imports import Imported, by_package, imported
from benchmarks.machine import command, machine
from benchmarks.repeat import interleaved, median, spread
from benchmarks.table import RESULTS, Report, Table, verdict

GOAL_SECONDS = 1.5
GOAL_MIB = 250.0
ENGINE, FLOW = "prefect.flow_engine", "flows.generate"
"""What any flow's process imports, and what this one does."""

_DEAREST = 12
_NOTES = (
    "Medians, least and most in brackets; each in a fresh interpreter, files in the page cache.",
    "Prefect alone: `prefect.flow_engine`, which the process of any flow run imports.",
    "Flow: `flows.generate`, Prefect in it.",
    (
        "At the first task: `prefect.engine` on a run of a deployment, as a worker starts it; the "
        "run and its blocks were read from the server by then."
    ),
)
_SHARES_NOTE = "One run under `-X importtime`, which makes all of it slower; own time, by package."


@dataclass(frozen=True)
class Findings:
    """What each fresh process cost."""

    imports: Mapping[str, Sequence[Imported]]
    runs: Sequence[FirstTask]
    shares: Mapping[str, float]

    def tables(self) -> list[Table]:
        """Return the costs with the verdicts, and which packages they come from."""
        columns = ("what", "seconds", "goal", "", "CPU seconds", "MiB", "goal", "")
        rows = [
            (
                "imports, Prefect alone",
                *_cell(self.imports[ENGINE], "seconds"),
                _cell(self.imports[ENGINE], "cpu")[0],
                *_cell(self.imports[ENGINE], "mib"),
            ),
            (
                "imports, flow",
                *_cell(self.imports[FLOW], "seconds", goal=GOAL_SECONDS),
                _cell(self.imports[FLOW], "cpu")[0],
                *_cell(self.imports[FLOW], "mib"),
            ),
            (
                "process, at the first task",
                *_cell(self.runs, "seconds"),
                _cell(self.runs, "cpu")[0],
                *_cell(self.runs, "mib", goal=GOAL_MIB),
            ),
        ]
        torch = "has" if any(run.torch for run in self.runs) else "has not"
        notes = (*_NOTES, f"The process {torch} imported PyTorch by then.")
        dearest = [(name, f"{own:.2f}") for name, own in list(self.shares.items())[:_DEAREST]]
        return [
            Table("Before the first task", columns, rows, notes),
            Table("Where the imports' time goes", ("package", "s"), dearest, (_SHARES_NOTE,)),
        ]

    def samples(self) -> dict[str, Any]:
        """Return every single measurement."""
        return {
            **{name: [one._asdict() for one in costs] for name, costs in self.imports.items()},
            "first task": [run._asdict() for run in self.runs],
            "packages": self.shares,
        }


def measure(repeats: int, house: House) -> Findings:
    """Start fresh processes in rounds, after one that is not counted."""
    pool, api = Pool(house), str(PREFECT_API_URL.value())
    asked = {"prompt": "a cat looks up", "seed": 7}
    arms = {name: lambda name=name: imported(name) for name in (ENGINE, FLOW)}
    interleaved(arms, 1)
    first_task(pool.ask(asked).id, api=api)
    found = interleaved(
        {**arms, "run": lambda: first_task(pool.ask(asked).id, api=api)}, repeats, tell=True
    )
    runs = found.pop("run")
    return Findings(imports=found, runs=runs, shares=by_package(FLOW))


def main() -> None:
    """Measure, print the tables and write them to ``benchmarks/results``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flow_process", description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    asked = parser.parse_args()
    where = machine()
    with serving() as folder:
        found = measure(asked.repeats, furnished(folder, threads=1))
    report = Report(
        name="flow_process",
        title="A flow run's process before its first task",
        command=command("benchmarks.flow_process"),
        machine=where,
        tables=found.tables(),
        samples=found.samples(),
    )
    report.write(asked.results)
    print(report.markdown())


def _cell(costs: Sequence[Any], name: str, *, goal: float | None = None) -> tuple[str, str, str]:
    values = [getattr(cost, name) for cost in costs]
    if goal is None:
        return spread(values), "", ""
    return spread(values), f"at most {goal:g}", verdict(median(values), goal)


if __name__ == "__main__":
    main()
