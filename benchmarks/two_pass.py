"""The two-pass flow against the documented diffusers recipe, on this machine's CPU.

Same weights (tiny), dtype, threads, photo and sizes; models loaded and a Prefect server up on
both sides before anything is timed; rounds interleaved; medians. ``make bench`` runs it.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from benchmarks.documented import Documented
from benchmarks.findings import Findings
from benchmarks.house import FlowRun, House, open_house, photo_request
from benchmarks.machine import command, machine
from benchmarks.model_parts import model_parts_timed
from benchmarks.peak import peak
from benchmarks.repeat import interleaved
from benchmarks.samples import PHOTO, planned
from benchmarks.stopwatch import Stopwatch
from benchmarks.table import RESULTS, Report
from ltxv.checkpoints import TINY
from ltxv.request import VideoRequest

SECOND_PASS_CHANGE = {"second_pass_number_of_steps": 9}


@dataclass(frozen=True)
class Bench:
    """What is measured, and how often."""

    repeats: int = 7
    warm_ups: int = 1
    threads: int = field(default_factory=torch.get_num_threads)
    resolution: str = "480p"
    aspect_ratio: str = "16:9"
    frames: int = 49
    peak_resolution: str = "720p"
    peak_frames: int = 121

    def request(self, **fields: Any) -> VideoRequest:
        """Return the request that both sides get."""
        size = {
            "resolution": self.resolution,
            "aspect_ratio": self.aspect_ratio,
            "number_of_frames": self.frames,
        }
        return photo_request(PHOTO, **{**size, "seed": 7, **fields})


def measure(bench: Bench, house: House, *, peaks: Mapping[str, Mapping[str, float]]) -> Findings:
    """Run all sides in rounds, then what is asked once; ``peaks`` come from processes apart."""
    torch.set_num_threads(bench.threads)
    recipe = Documented.from_folder(TINY)
    with tempfile.TemporaryDirectory() as folder:
        arms: dict[str, Callable[[], Stopwatch | FlowRun]] = {
            "documented": lambda: _documented(recipe, bench, Path(folder), tiled=True),
            "documented, untiled": lambda: _documented(recipe, bench, Path(folder), tiled=False),
            "flow": lambda: house.make(bench.request(), house.new_store()),
            "flow, unchecked": lambda: house.make(
                bench.request(enable_safety_checker=False), house.new_store()
            ),
        }
        interleaved(arms, bench.warm_ups)
        found = interleaved(arms, bench.repeats)
    store = house.new_store()
    house.make(bench.request(), store)
    return Findings(
        documented=[run for run in found["documented"] if isinstance(run, Stopwatch)],
        untiled=[run for run in found["documented, untiled"] if isinstance(run, Stopwatch)],
        flow=[run for run in found["flow"] if isinstance(run, FlowRun)],
        unchecked=[run for run in found["flow, unchecked"] if isinstance(run, FlowRun)],
        again=[house.make(bench.request(), store) for _ in range(bench.repeats)],
        changed=house.make(bench.request(**SECOND_PASS_CHANGE), store),
        peaks=peaks,
    )


def measure_peaks(bench: Bench, house: House) -> dict[str, dict[str, float]]:
    """Make the large clip once by each side, each in a process of its own."""
    return {
        side: peak(
            side,
            house,
            house.new_store(),
            threads=bench.threads,
            resolution=bench.peak_resolution,
            number_of_frames=bench.peak_frames,
            aspect_ratio="16:9",
            seed=7,
        )
        for side in ("documented", "flow")
    }


def main() -> None:
    """Measure, print the tables and write them to ``benchmarks/results``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.two_pass", description=__doc__)
    parser.add_argument("--repeats", type=int, default=Bench.repeats)
    parser.add_argument(
        "--threads",
        type=int,
        default=torch.get_num_threads(),
        help="of PyTorch on both sides; as many as it takes by itself",
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    asked = parser.parse_args()
    bench = Bench(repeats=asked.repeats, threads=asked.threads)
    with open_house(threads=bench.threads) as house:
        found = measure(bench, house, peaks=measure_peaks(bench, house))
    report = Report(
        name="two_pass",
        title=f"One {bench.resolution} request of {bench.frames} frames with a photo, on a CPU",
        command=command("benchmarks.two_pass"),
        machine=machine(),
        tables=found.tables(),
        samples=found.samples(),
    )
    report.write(asked.results)
    print(report.markdown())


def _documented(recipe: Documented, bench: Bench, folder: Path, *, tiled: bool) -> Stopwatch:
    watch = Stopwatch()
    plan = planned(bench.request())
    with model_parts_timed(watch):
        recipe.make(plan, PHOTO, folder / "documented.mp4", watch=watch, tiled=tiled)
    return watch


if __name__ == "__main__":
    main()
