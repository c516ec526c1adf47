"""Seconds from submission to the first denoising step and to the clip: warm engine against none.

Warm: ``ltx worker``, whose engine holds the model before the run comes. Cold: a stock Prefect
process worker, whose run imports PyTorch and loads the model itself. Both take runs of the same
server, one at a time and in turn; each run is of another prompt and seed, so nothing is cached.
``python -m benchmarks.warm_cold`` runs it, in some three minutes.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.fleet import WORKERS, Pool, StockWorker, completed, serving
from benchmarks.house import House, furnished
from benchmarks.load import Load, load_anew
from benchmarks.machine import command, machine
from benchmarks.moments import Moments, moments_of
from benchmarks.repeat import interleaved, median, spread
from benchmarks.table import RESULTS, Report, Table
from tests.deployments.worker.plant import Worker

WARM, COLD = "ltx worker", "stock process worker"

_NOTES = (
    "Medians, least and most in brackets, all since the run was submitted.",
    (
        "Both workers ask the server every second. By their own defaults `ltx worker` asks every "
        "2 s and a stock worker every 10 s: half of that comes on top on average."
    ),
    (
        "`tiny` loads in a moment, so that what is seen is the cost of a process that imports "
        "PyTorch, diffusers and transformers. The 13B weights, 38 GB in bf16, would add the "
        "seconds of reading them to the cold side alone, at every run."
    ),
    "The two workers idle while the other's run is at work; one PyTorch thread on both sides.",
)


@dataclass(frozen=True)
class Bench:
    """What is measured, and how often."""

    repeats: int = 5
    warm_ups: int = 1
    frames: int = 17

    def requests(self) -> Iterator[Mapping[str, Any]]:
        """Yield requests, each with a prompt and a seed of its own."""
        for number in itertools.count():
            yield {
                "prompt": f"a cat looks up, take {number}",
                "seed": number,
                "resolution": "480p",
                "aspect_ratio": "1:1",
                "number_of_frames": self.frames,
            }


@dataclass(frozen=True)
class Findings:
    """When what happened in each run, and what loading costs by itself."""

    runs: Mapping[str, Sequence[Moments]]
    loads: Sequence[Load]

    def tables(self) -> list[Table]:
        """Return both sides beside each other, and what loading costs."""
        rows = [
            self._row("taken by the worker", "taken"),
            self._row("flow begun", "begun"),
            self._row("first denoising step", "first_step"),
            self._row("clip finished", "finished"),
        ]
        loads = [
            ("imports", spread(load.imports for load in self.loads)),
            ("weights of tiny, from the page cache", spread(load.weights for load in self.loads)),
        ]
        columns = ("seconds until", WARM, COLD, "cold / warm", "cold - warm")
        alone = ("Only what loading needs, without Prefect, in a process that does nothing else.",)
        return [
            Table("Seconds since submission", columns, rows, _NOTES),
            Table("Loading the model in a fresh process, seconds", ("what", "s"), loads, alone),
        ]

    def samples(self) -> dict[str, Any]:
        """Return every single measurement."""
        return {
            **{name: [run.as_dict() for run in runs] for name, runs in self.runs.items()},
            "load": [load._asdict() for load in self.loads],
        }

    def _row(self, said: str, moment: str) -> tuple[str, ...]:
        warm, cold = ([getattr(run, moment) for run in self.runs[name]] for name in (WARM, COLD))
        apart = median(cold) - median(warm)
        return (
            said,
            spread(warm),
            spread(cold),
            f"{median(cold) / median(warm):.2f}",
            f"{apart:.2f}",
        )


def measure(bench: Bench, house: House) -> Findings:
    """Start both workers and give them runs in turn."""
    requests = bench.requests()
    pools = {WARM: Pool(house), COLD: Pool(house)}

    def run(pool: Pool) -> Moments:
        submitted = datetime.now(UTC)
        (over,) = completed([pool.ask(next(requests))])
        return moments_of(over, submitted)

    arms: dict[str, Callable[[], Moments]] = {
        name: lambda pool=pool: run(pool) for name, pool in pools.items()
    }
    with ExitStack() as stack:
        warm = Worker(pools[WARM].name, house.folder, concurrency=1, **WORKERS)
        stack.callback(warm.kill)
        stack.callback(StockWorker(pools[COLD].name, house.folder).kill)
        interleaved(arms, bench.warm_ups, tell=True)
        runs = interleaved(arms, bench.repeats, tell=True)
    loads = interleaved({"load": load_anew}, bench.repeats, tell=True)["load"]
    return Findings(runs=runs, loads=loads)


def main() -> None:
    """Measure, print the tables and write them to ``benchmarks/results``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.warm_cold", description=__doc__)
    parser.add_argument("--repeats", type=int, default=Bench.repeats, help="runs of each worker")
    parser.add_argument("--frames", type=int, default=Bench.frames)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    asked = parser.parse_args()
    where = machine()
    bench = Bench(repeats=asked.repeats, frames=asked.frames)
    with serving() as folder:
        found = measure(bench, furnished(folder, threads=1))
    report = Report(
        name="warm_cold",
        title=f"A clip of {asked.frames} frames from a warm engine and from none, on a CPU",
        command=command("benchmarks.warm_cold"),
        machine=where,
        tables=found.tables(),
        samples=found.samples(),
    )
    report.write(asked.results)
    print(report.markdown())


if __name__ == "__main__":
    main()
