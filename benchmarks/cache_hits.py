"""What a stage costs that is in the store already: run as ``python -m benchmarks.cache_hits``.

The stages are those of a default request, 121 frames at 720p, with synthetic outcomes of the real
sizes: their bodies put random bytes of the right length, so that no model has to run. Hits go
through Prefect, the lock, the record and the digest, as in every run.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.testing.utilities import prefect_test_harness

from benchmarks.machine import machine
from benchmarks.repeat import median
from benchmarks.table import Report, Table, verdict
from blocks.media_store import MediaStore
from ltxv.refs import Ref
from tasks.stage import Stage, stage

GOAL_SECONDS = 0.05
SIZES = {
    "encode_prompt": 256 * 4096 * 2,
    "first_pass": 128 * 16 * 15 * 26 * 4,
    "second_pass": 128 * 16 * 30 * 52 * 4,
    "finish": 4_000_000,
}
"""Bytes of each outcome: bfloat16 embeddings, float32 latents, an mp4."""


def stages() -> dict[str, Stage[..., Ref]]:
    """Return a stage for each outcome, which makes random bytes of its size."""

    def made(name: str, size: int) -> Stage[..., Ref]:
        def body(*, number: int, store: MediaStore) -> Ref:  # noqa: ARG001 - the key
            return store.put(os.urandom(size), folder="latents", suffix=".safetensors")

        body.__name__ = name
        return stage("first_pass", key=["number"])(body)

    return {name: made(name, size) for name, size in SIZES.items()}


def measure(folder: Path, *, times: int) -> dict[str, list[float]]:
    """Return the seconds of each hit, in one flow run after the one that made the outcomes."""
    store = MediaStore(root=str(folder))
    store.save("bench-cache", overwrite=True)
    made = stages()
    found: dict[str, list[float]] = {name: [] for name in made}

    @flow(name="cache-hits")
    def run(*, note: bool) -> None:
        for number in range(times):
            for name, one in made.items():
                started = time.perf_counter()
                one(number=number, store=store)
                if note:
                    found[name].append(time.perf_counter() - started)

    run(note=False)
    time.sleep(3)  # what was written just now is looked at more often
    run(note=True)
    return found


def main() -> None:
    """Measure, print and write the result."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--times", type=int, default=20)
    times = arguments.parse_args().times
    with tempfile.TemporaryDirectory(prefix="ltx-bench-") as folder, prefect_test_harness(120):
        found = measure(Path(folder), times=times)
    rows = [_row(name, seconds) for name, seconds in found.items()]
    table = Table(
        "Cache hits, milliseconds",
        ("stage", "megabytes", "median", "slowest", "goal 50 ms"),
        rows,
        ("Each hit is of another outcome; files are in the page cache.",),
    )
    samples: dict[str, Any] = {
        name: [round(one, 5) for one in took] for name, took in found.items()
    }
    command = f"python -m benchmarks.cache_hits --times {times}"
    report = Report("cache_hits", "Cache hits", command, machine(), [table], samples)
    sys.stdout.write(report.markdown())
    report.write()


def _row(name: str, seconds: list[float]) -> tuple[str, ...]:
    middle = median(seconds)
    return (
        name,
        f"{SIZES[name] / 1e6:.1f}",
        f"{middle * 1e3:.0f}",
        f"{max(seconds) * 1e3:.0f}",
        verdict(middle, GOAL_SECONDS),
    )


if __name__ == "__main__":
    main()
