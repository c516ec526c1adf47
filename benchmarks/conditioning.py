"""Preparing conditioning media: one ffmpeg a clip against the reference's loop over its frames.

Both sides start from the file and end with frames in memory; rounds interleaved; medians. Then
fetching and preparing several items at once against one after the other, in a flow.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from prefect.testing.utilities import prefect_test_harness

from benchmarks import per_frame
from benchmarks.items import CLIP, Items, items_table, measure_items
from benchmarks.machine import command, machine
from benchmarks.repeat import interleaved, median, spread
from benchmarks.samples import PHOTO
from benchmarks.stopwatch import Cost, timing
from benchmarks.table import RESULTS, Report, Table, verdict
from ltxv.engine import Frames
from ltxv.media.binaries import ffmpeg_binary
from ltxv.media.compress import compress
from ltxv.media.compress_work import CompressWork
from ltxv.media.frames import read_frames

CLIP_RATIO = 0.5
RATE = 25
_LOC = ("videos", 0, "video_url")
_COLUMNS = ("what", "reference", "here", "here / reference", "target", "")
_NOTES = (
    "Medians, least and most in brackets; both sides from the file to frames in memory.",
    (
        "Reference: PIL crop, blur as a tensor, an mp4 in memory by PyAV and back, frame by frame. "
        "Here: one ffmpeg that makes a file, and one that reads it; both processes are in it."
    ),
    "PSNR in dB, of all pixels of all frames. x264 makes other pictures with other thread counts.",
)


@dataclass(frozen=True)
class Bench:
    """What is measured, and how often."""

    repeats: int = 7
    frames: int = 121
    crf: int = 35
    aspect: tuple[int, int] = (1280, 720)


@dataclass(frozen=True)
class Medium:
    """A file and what is done to it."""

    file: Path
    work: CompressWork

    def here(self) -> Frames:
        """Prepare it as the flow does."""
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "prepared.mkv"
            compress(self.file, target, self.work, loc=_LOC)
            return read_frames(target)

    def reference(self, threads: int = 0) -> Frames:
        """Prepare it as the reference does."""
        work = self.work
        return per_frame.prepare(self.file, aspect=work.aspect, crf=work.crf, threads=threads)


@dataclass(frozen=True)
class Findings:
    """Costs by name of the arm, and how much alike the pictures are."""

    costs: Mapping[str, Sequence[Cost]]
    alike: Mapping[str, float]


def media(bench: Bench, folder: Path) -> dict[str, Medium]:
    """Return a photo and a clip of so many frames, made of the sample clip."""
    long = folder / "long.mp4"
    subprocess.run(
        [
            *(ffmpeg_binary(), "-v", "error", "-stream_loop", "-1", "-i", str(CLIP)),
            *("-frames:v", str(bench.frames), "-c:v", "libx264", "-crf", "18", str(long)),
        ],
        check=True,
    )
    photo = CompressWork(kind="image", aspect=bench.aspect, crf=bench.crf)
    clip = photo.model_copy(
        update={
            "kind": "video",
            "take": bench.frames,
            "frames": bench.frames,
            "source_frame_rate": RATE,
        }
    )
    return {"photo": Medium(PHOTO, photo), "clip": Medium(long, clip)}


def measure(bench: Bench, folder: Path) -> Findings:
    """Prepare both media by both sides in rounds, and compare the pictures."""
    made = media(bench, folder)
    arms: dict[str, Callable[[], Cost]] = {}
    alike: dict[str, float] = {}
    for name, medium in made.items():
        arms[f"{name}, reference"] = timing(medium.reference)
        arms[f"{name}, here"] = timing(medium.here)
        usual, single = medium.reference(), medium.reference(threads=1)
        alike[f"{name}, here and reference"] = psnr(medium.here(), usual)
        alike[f"{name}, here and reference with one thread"] = psnr(medium.here(), single)
        alike[f"{name}, reference with one thread and with its own"] = psnr(single, usual)
    return Findings(interleaved(arms, bench.repeats), alike)


def psnr(first: Frames, second: Frames) -> float:
    """Return the peak signal-to-noise ratio in dB; infinite for equal pictures."""
    error = float(((first.astype(np.float32) - second.astype(np.float32)) ** 2).mean())
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def tables(bench: Bench, found: Findings) -> list[Table]:
    """Return what was found."""
    rows = [
        _row(f"{name}: {unit}", found.costs[f"{name}, reference"], found.costs[f"{name}, here"])
        for name in ("photo", "clip")
        for unit in ("wall seconds", "CPU seconds")
    ]
    alike = [(name, f"{value:.1f}") for name, value in found.alike.items()]
    return [
        Table(f"A photo and {bench.frames} frames at CRF {bench.crf}", _COLUMNS, rows, _NOTES),
        Table("How much alike, dB", ("what", "PSNR"), alike),
    ]


def main() -> None:
    """Measure, print the tables and write them to ``benchmarks/results``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conditioning", description=__doc__)
    parser.add_argument("--repeats", type=int, default=Bench.repeats)
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    asked = parser.parse_args()
    bench = Bench(repeats=asked.repeats)
    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory(prefix="ltx-bench-") as folder:
        found = measure(bench, Path(folder))
        with prefect_test_harness(120):
            items = measure_items(Items(repeats=asked.repeats), Path(folder))
    costs = {**found.costs, **items}
    report = Report(
        name="conditioning",
        title="Conditioning media prepared, on a CPU",
        command=command("benchmarks.conditioning"),
        machine={**machine(), "av": per_frame.av.__version__},
        tables=[*tables(bench, found), items_table(items)],
        samples={name: [cost.wall for cost in each] for name, each in costs.items()},
    )
    report.write(asked.results)
    print(report.markdown())


def _row(what: str, reference: Sequence[Cost], here: Sequence[Cost]) -> tuple[str, ...]:
    wall = what.endswith("wall seconds")
    theirs, ours = (
        [cost.wall if wall else cost.cpu for cost in side] for side in (reference, here)
    )
    ratio = median(ours) / median(theirs)
    aimed = what == "clip: wall seconds"
    target = (f"at most {CLIP_RATIO}", verdict(ratio, CLIP_RATIO)) if aimed else ("", "")
    return what, spread(theirs), spread(ours), f"{ratio:.2f}", *target


if __name__ == "__main__":
    main()
