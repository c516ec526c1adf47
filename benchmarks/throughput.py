"""Clips a minute and how busy the engine is, with 1, 2 and 3 runs at a time, and two workers.

Every clip is of another prompt and seed, so nothing is cached. On a CPU the engine and the flows
want the same cores, which a GPU's engine does not: so each denoising step is followed by a wait
that costs no CPU, and is counted as work. ``--step-seconds 0`` leaves the engine as it is.
``python -m benchmarks.throughput`` runs it, in some four minutes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from benchmarks.busy import Span, busy_share, first_to_last, spans, waits
from benchmarks.fleet import WORKERS, Pool, completed, serving
from benchmarks.house import House, furnished
from benchmarks.machine import command, machine
from benchmarks.paced import STEP_SECONDS
from benchmarks.repeat import interleaved, median, spread
from benchmarks.table import RESULTS, Report, Table
from tests.deployments.worker.plant import Worker

BUSY_GOAL = 0.95
TWICE_GOAL = 1.9


class Fleet(NamedTuple):
    """Workers of one machine, each with an engine."""

    workers: int
    concurrency: int

    @property
    def name(self) -> str:
        """How it is called in the tables."""
        many = f"{self.workers} workers" if self.workers > 1 else "1 worker"
        return f"{many}, {self.concurrency} at a time"


ONE, TWO = Fleet(1, 3), Fleet(2, 3)
FLEETS = (Fleet(1, 1), Fleet(1, 2), ONE, TWO)


@dataclass(frozen=True)
class Bench:
    """What is measured, and how often."""

    clips: int = 6
    repeats: int = 1
    step_seconds: float = 0.4
    frames: int = 9
    fleets: Sequence[Fleet] = FLEETS

    def requests(self) -> list[Mapping[str, Any]]:
        """Return as many requests, each with a prompt and a seed of its own."""
        size = {"resolution": "480p", "aspect_ratio": "1:1", "number_of_frames": self.frames}
        return [
            {"prompt": f"a cat looks up, take {number}", "seed": number, **size}
            for number in range(self.clips)
        ]


@dataclass(frozen=True)
class Round:
    """The jobs of each engine while all clips were made."""

    clips: int
    engines: Sequence[Sequence[Span]]

    @property
    def clips_a_minute(self) -> float:
        """Clips over the time from the first job to the last."""
        return 60 * self.clips / first_to_last(self.engines).seconds

    @property
    def busy(self) -> float:
        """Share of each one's own time that the engines worked."""
        return busy_share(self.engines)

    @property
    def engine_seconds(self) -> float:
        """Seconds of work on a clip."""
        return sum(job.seconds for jobs in self.engines for job in jobs) / self.clips

    @property
    def waits(self) -> list[float]:
        """Seconds between the jobs of each engine."""
        return [wait for jobs in self.engines for wait in waits(jobs)]


@dataclass(frozen=True)
class Findings:
    """The rounds of each fleet."""

    bench: Bench
    rounds: Mapping[str, Sequence[Round]]

    def table(self) -> Table:
        """Return clips a minute, busy shares and waits, with the verdicts on the goals."""
        columns = (
            *("fleet", "clips a minute", "of one worker's", "engine busy, %"),
            *("engine s a clip", "s between jobs: median", "most", "goal", ""),
        )
        rows = [self._row(fleet) for fleet in self.bench.fleets]
        return Table(f"{self.bench.clips} clips", columns, rows, self._notes())

    def samples(self) -> dict[str, Any]:
        """Return every job's begin and seconds, counted from the first job of its round."""
        return {name: [_told(one) for one in rounds] for name, rounds in self.rounds.items()}

    def _row(self, fleet: Fleet) -> tuple[str, ...]:
        rounds = self.rounds[fleet.name]
        rate = median(one.clips_a_minute for one in rounds)
        busy = median(one.busy for one in rounds)
        gaps = [wait for one in rounds for wait in one.waits]
        ones = [one.clips_a_minute for one in self.rounds.get(ONE.name, ())]
        ratio = rate / median(ones) if ones else None
        return (
            fleet.name,
            spread(one.clips_a_minute for one in rounds),
            "" if ratio is None else f"{ratio:.2f}",
            spread(100 * one.busy for one in rounds),
            spread(one.engine_seconds for one in rounds),
            f"{median(gaps):.2f}",
            f"{max(gaps):.2f}",
            *_goal(fleet, busy, ratio),
        )

    def _notes(self) -> Sequence[str]:
        paced = (
            f"Each of the 10 denoising steps is followed by {self.bench.step_seconds} s in which "
            "the engine waits and uses no CPU, as if a GPU were at work; that counts as work."
        )
        plain = "The engine's own CPU work: it and the flows want the same cores."
        return (
            "Medians, least and most in brackets. Time counts from the first job to the last.",
            paced if self.bench.step_seconds else plain,
            "Busy: seconds of the engine's jobs over its own time from the first to the last.",
            (
                "Between jobs: from the end of a job to the begin of the next one in the same "
                "engine. An engine works by one thread; each clip is four jobs."
            ),
        )


def measure(bench: Bench, house: House) -> Findings:
    """Run each fleet in rounds, each time with workers, a pool and a store of its own."""
    arms: dict[str, Callable[[], Round]] = {
        fleet.name: lambda fleet=fleet: _round(bench, fleet, house) for fleet in bench.fleets
    }
    return Findings(bench, interleaved(arms, bench.repeats, tell=True))


def main() -> None:
    """Measure, print the table and write it to ``benchmarks/results``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__)
    parser.add_argument("--clips", type=int, default=Bench.clips, help="of each fleet and round")
    parser.add_argument("--repeats", type=int, default=Bench.repeats)
    parser.add_argument("--frames", type=int, default=Bench.frames)
    parser.add_argument(
        "--step-seconds",
        type=float,
        default=Bench.step_seconds,
        help="that the engine waits after each step; 0 for none",
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    asked = parser.parse_args()
    where = machine()
    bench = Bench(
        clips=asked.clips,
        repeats=asked.repeats,
        frames=asked.frames,
        step_seconds=asked.step_seconds,
    )
    with serving() as folder:
        found = measure(bench, furnished(folder, threads=1))
    paced = bench.step_seconds > 0
    report = Report(
        name="throughput" if paced else "throughput_cpu",
        title=f"{bench.clips} clips by warm engines on a CPU, {'paced' if paced else 'as it is'}",
        command=command("benchmarks.throughput"),
        machine=where,
        tables=[found.table()],
        samples=found.samples(),
    )
    report.write(asked.results)
    print(report.markdown())


class _PacedWorker(Worker):
    program: ClassVar[Sequence[str]] = (sys.executable, "-m", "benchmarks.paced")


def _round(bench: Bench, fleet: Fleet, house: House) -> Round:
    pool = Pool(house)
    with _workers(bench, fleet, pool, house.folder) as workers:
        completed([pool.ask(fields) for fields in bench.requests()])
        engines = [spans(worker.lines()) for worker in workers]
    return Round(clips=bench.clips, engines=engines)


@contextmanager
def _workers(bench: Bench, fleet: Fleet, pool: Pool, folder: Path) -> Iterator[list[Worker]]:
    """Start the workers of a fleet, and end them afterwards."""
    start = _PacedWorker if bench.step_seconds else Worker
    environment = {**WORKERS, STEP_SECONDS: str(bench.step_seconds)}
    with ExitStack() as stack:
        workers = []
        for _ in range(fleet.workers):
            worker = start(pool.name, folder, concurrency=fleet.concurrency, **environment)
            stack.callback(worker.kill)
            workers.append(worker)
        yield workers


def _goal(fleet: Fleet, busy: float, ratio: float | None) -> tuple[str, str]:
    if fleet == ONE:
        return f"busy at least {BUSY_GOAL:.0%}", _met(busy, BUSY_GOAL)
    if fleet == TWO and ratio is not None:
        return f"at least {TWICE_GOAL} of one worker's", _met(ratio, TWICE_GOAL)
    return "", ""


def _met(value: float, least: float) -> str:
    return "met" if value >= least else "missed"


def _told(one: Round) -> list[list[tuple[float, float]]]:
    start = first_to_last(one.engines).began
    return [
        [(round(job.began - start, 3), round(job.seconds, 3)) for job in jobs]
        for jobs in one.engines
    ]


if __name__ == "__main__":
    main()
