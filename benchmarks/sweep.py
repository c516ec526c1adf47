"""A sweep over the second pass against separate runs: run as ``python -m benchmarks.sweep``.

Same weights (tiny), threads, photo, sizes and seed; models loaded and a Prefect server up before
anything is timed; each separate run has a store of its own, so that nothing is shared; rounds
interleaved; medians.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.counting import counted
from benchmarks.house import House, open_house, photo_request
from benchmarks.machine import command, machine
from benchmarks.repeat import interleaved, median, spread
from benchmarks.samples import PHOTO
from benchmarks.table import RESULTS, Report, Table, verdict
from flows.generate import generate_video
from flows.sweep import sweep_settings
from ltxv.grid import grid_cells
from ltxv.request import VideoRequest

SEPARATE, SWEPT = "separate runs", "sweep"
_STAGES = ("compress_media", "encode_prompt", "first_pass", "second_pass", "decode")
_FIRST_PASSES = 1


class Round(NamedTuple):
    """One measurement of one side."""

    seconds: float
    ran: Mapping[str, int]


@dataclass(frozen=True)
class Bench:
    """What is measured, and how often."""

    repeats: int = 2
    threads: int = 1
    fields: Mapping[str, Any] = field(
        default_factory=lambda: {"resolution": "480p", "aspect_ratio": "1:1", "seed": 7}
    )
    frames: int = 9
    grid: Mapping[str, Sequence[Any]] = field(
        default_factory=lambda: {
            "second_pass_number_of_steps": [7, 8, 9],
            "second_pass_skip_initial_steps": [4, 5, 6],
        }
    )

    @property
    def request(self) -> VideoRequest:
        """What all cells have in common."""
        return photo_request(PHOTO, **self.fields, number_of_frames=self.frames)


@dataclass(frozen=True)
class Findings:
    """All rounds."""

    cells: int
    rounds: Mapping[str, Sequence[Round]]

    def table(self) -> Table:
        """Return how often each stage ran, and the time, of both sides."""
        separate, swept = self.rounds[SEPARATE], self.rounds[SWEPT]
        lines: list[tuple[str, ...]] = []
        for name in _STAGES:
            most = max(one.ran.get(name, 0) for one in swept)
            judged = verdict(most, _FIRST_PASSES) if name == "first_pass" else ""
            lines.append((f"{name} ran", str(separate[0].ran.get(name, 0)), str(most), "", judged))
        times = [[one.seconds for one in side] for side in (separate, swept)]
        ratio = median(times[1]) / median(times[0])
        lines.append(("wall seconds", *map(spread, times), f"{ratio:.2f}", ""))
        return Table(
            f"{self.cells} videos",
            ("what", SEPARATE, SWEPT, "ratio", "first pass once"),
            lines,
            (
                "Stages taken from the store are not counted.",
                "The sweep's time includes its plan, its sheet and its table.",
            ),
        )


def measure(bench: Bench, house: House) -> Findings:
    """Run both sides in rounds."""
    torch.set_num_threads(bench.threads)
    _make([bench.request], house)  # models load
    cells = [cell.request for cell in grid_cells(bench.request, bench.grid)]
    arms = {SEPARATE: lambda: _make(cells, house), SWEPT: lambda: _sweep(bench, house)}
    return Findings(len(cells), interleaved(arms, bench.repeats))


def main() -> None:
    """Measure, print the table and write it to ``benchmarks/results``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=__doc__)
    parser.add_argument("--repeats", type=int, default=Bench.repeats)
    parser.add_argument("--frames", type=int, default=Bench.frames)
    parser.add_argument("--threads", type=int, default=Bench.threads, help="of PyTorch")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    asked = parser.parse_args()
    bench = Bench(repeats=asked.repeats, threads=asked.threads, frames=asked.frames)
    with open_house(threads=bench.threads) as house:
        found = measure(bench, house)
    report = Report(
        name="sweep",
        title=f"A 3x3 sweep over the second pass, {bench.frames} frames with a photo, on a CPU",
        command=command("benchmarks.sweep"),
        machine=machine(),
        tables=[found.table()],
        samples={name: [one._asdict() for one in side] for name, side in found.rounds.items()},
    )
    report.write(asked.results)
    print(report.markdown())


def _make(requests: Sequence[VideoRequest], house: House) -> Round:
    with counted() as counting:
        began = time.perf_counter()
        for request in requests:
            generate_video(request, model=house.name, store=house.new_store(), safety=house.name)
        return Round(time.perf_counter() - began, dict(counting.ran))


def _sweep(bench: Bench, house: House) -> Round:
    grid = {name: list(values) for name, values in bench.grid.items()}
    blocks = {"model": house.name, "store": house.new_store(), "safety": house.name}
    with counted() as counting:
        began = time.perf_counter()
        sweep_settings(bench.request, grid, **blocks)
        return Round(time.perf_counter() - began, dict(counting.ran))


if __name__ == "__main__":
    main()
