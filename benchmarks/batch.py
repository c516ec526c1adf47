"""A batch of twenty rows against a plain loop over the same requests, in one process on the CPU.

Same weights (tiny), threads, photo, sizes and seeds; models loaded and a Prefect server up before
anything is timed; every run has a store of its own; rounds interleaved; medians.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.fleet import serving
from benchmarks.house import House, furnished, open_house
from benchmarks.machine import command, machine
from benchmarks.repeat import interleaved, median, spread
from benchmarks.samples import PHOTO
from benchmarks.table import RESULTS, Report, Table
from blocks.local_media import with_local_media
from blocks.media_store import MediaStore
from blocks.media_store.place import anywhere
from flows.batch import generate_batch
from flows.generate import generate_video
from ltxv.request import parse_request
from tests.postgres import serving_postgres

LOOP = "loop"
_GOAL = 1.0


@dataclass(frozen=True)
class Bench:
    """What is measured, and how often."""

    rows: int = 20
    repeats: int = 2
    warm_ups: int = 1
    threads: int = 1
    frames: int = 9
    at_once: Sequence[int] = (4, 2)

    def requests(self, photo: str) -> list[dict[str, Any]]:
        """Return the rows, each with a seed and a prompt of its own."""
        size = {"resolution": "480p", "aspect_ratio": "1:1", "number_of_frames": self.frames}
        return [
            {
                "prompt": f"a cat looks up, take {number}",
                "images": [{"image_url": photo}],
                "seed": number,
                **size,
            }
            for number in range(self.rows)
        ]


@dataclass(frozen=True)
class Findings:
    """Seconds of each round, by the way that was measured."""

    rows: int
    seconds: Mapping[str, Sequence[float]]

    def table(self) -> Table:
        """Return jobs a minute of each way, against the loop."""
        loop = median(self.seconds[LOOP])
        lines = [
            (
                name,
                spread(seconds),
                f"{60 * self.rows / median(seconds):.1f}",
                f"{loop / median(seconds):.2f}",
                "" if name == LOOP else "met" if loop / median(seconds) >= _GOAL else "missed",
            )
            for name, seconds in self.seconds.items()
        ]
        return Table(
            f"{self.rows} requests",
            ("how", "wall seconds", "jobs a minute", "of the loop's", f"at least {_GOAL}"),
            lines,
            (
                "Medians, least and most in brackets.",
                "Loop: `generate_video` for one request after the other, in one process.",
                "Batch: `generate_batch` with so many rows at a time, results and page included.",
            ),
        )


def measure(bench: Bench, house: House) -> Findings:
    """Run the loop and the batches in rounds."""
    torch.set_num_threads(bench.threads)
    arms: dict[str, Callable[[], float]] = {LOOP: lambda: _loop(bench, house)}
    for at_once in bench.at_once:
        arms[f"batch, {at_once} at a time"] = lambda at_once=at_once: _batch(bench, house, at_once)
    if bench.warm_ups:
        _loop(Bench(rows=1, frames=bench.frames), house)
    found = interleaved(arms, bench.repeats)
    return Findings(rows=bench.rows, seconds={name: found[name] for name in arms})


def main() -> None:
    """Measure, print the table and write it to ``benchmarks/results``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    parser.add_argument("--rows", type=int, default=Bench.rows)
    parser.add_argument("--repeats", type=int, default=Bench.repeats)
    parser.add_argument("--frames", type=int, default=Bench.frames)
    parser.add_argument("--at-once", type=int, nargs="+", default=Bench.at_once, metavar="N")
    parser.add_argument("--threads", type=int, default=Bench.threads, help="of PyTorch")
    parser.add_argument(
        "--postgres", action="store_true", help="have the server keep its data there, not in SQLite"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    asked = parser.parse_args()
    bench = Bench(
        rows=asked.rows,
        repeats=asked.repeats,
        frames=asked.frames,
        threads=asked.threads,
        at_once=asked.at_once,
    )
    opened = _on_postgres if asked.postgres else open_house
    with opened(threads=bench.threads) as house:
        found = measure(bench, house)
    database = "Postgres" if asked.postgres else "SQLite"
    report = Report(
        name="batch_postgres" if asked.postgres else "batch",
        title=f"{bench.rows} requests of {bench.frames} frames with a photo, on a CPU, {database}",
        command=command("benchmarks.batch"),
        machine=machine(),
        tables=[found.table()],
        samples={"seconds": {name: list(seconds) for name, seconds in found.seconds.items()}},
    )
    report.write(asked.results)
    print(report.markdown())


@contextmanager
def _on_postgres(*, threads: int) -> Iterator[House]:
    with tempfile.TemporaryDirectory(prefix="ltx-bench-") as name:
        folder = Path(name) / "pg"
        folder.mkdir()
        with serving_postgres(folder, fsync=True) as one, serving(one.address) as ours:
            yield furnished(ours, threads)


def _loop(bench: Bench, house: House) -> float:
    name = house.new_store()
    store = MediaStore.load(name)
    began = time.perf_counter()
    for fields in bench.requests(PHOTO.name):
        request = with_local_media(parse_request(fields), store, beside=PHOTO.parent)
        generate_video(request, model=house.name, store=name, safety=house.name)
    return time.perf_counter() - began


def _batch(bench: Bench, house: House, at_once: int) -> float:
    folder = house.folder / f"batch-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    shutil.copy(PHOTO, folder)
    manifest = folder / "rows.jsonl"
    rows = [{"id": str(number), **row} for number, row in enumerate(bench.requests(PHOTO.name))]
    manifest.write_text("\n".join(map(json.dumps, rows)))
    store = house.new_store()
    began = time.perf_counter()
    with anywhere():
        result = generate_batch(
            str(manifest),
            output=str(folder / "out"),
            concurrency=at_once,
            model=house.name,
            store=store,
            safety=house.name,
        )
    if result.made != bench.rows:
        raise RuntimeError(f"{result.made} of {bench.rows} rows were made: {result.failures}")
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
