"""Fetching and preparing several items at once against one after the other, in a flow run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import flow

from benchmarks.repeat import interleaved, median, spread
from benchmarks.samples import PHOTO
from benchmarks.stopwatch import Cost, timing
from benchmarks.table import Table
from benchmarks.web import serving
from blocks.internet import FetchLimits
from blocks.media_store import MediaStore
from ltxv.media.compress_work import CompressWork
from tasks.compress_media import compress_media
from tasks.fetch_media import fetch_media

CLIP = PHOTO.with_name("bunny.mp4")


@dataclass(frozen=True)
class Items:
    """How many items, from how far away, and how often."""

    repeats: int = 7
    count: int = 8
    delays: Sequence[float] = (0.0, 0.3)
    """Seconds after which the server answers."""

    aspect: tuple[int, int] = (1280, 720)
    crf: int = 35


def measure_items(bench: Items, folder: Path) -> dict[str, Sequence[Cost]]:
    """Fetch and prepare several items at once, and one after the other; a server has to be up."""
    content = {f"photo{n}.jpg": PHOTO.read_bytes() for n in range(bench.count // 2)}
    content |= {f"clip{n}.mp4": CLIP.read_bytes() for n in range(bench.count - len(content))}
    costs: dict[str, Sequence[Cost]] = {}
    for delay in bench.delays:
        with serving(content, delay=delay) as base:
            urls = [f"{base}/{name}" for name in content]
            arms = {
                f"{delay:g} s, {name}": timing(_in_a_flow(run, urls, bench, folder))
                for name, run in (("together", _together), ("one by one", _one_by_one))
            }
            interleaved(arms, 1)
            costs |= interleaved(arms, bench.repeats)
    return costs


def items_table(costs: Mapping[str, Sequence[Cost]]) -> Table:
    """Return the table of what ``measure_items`` found."""
    delays = list(dict.fromkeys(name.partition(",")[0] for name in costs))
    return Table(
        "Several items, half of them clips of 60 frames, wall seconds",
        ("server answers after", "one by one", "together", "together / one by one"),
        [_row(delay, costs) for delay in delays],
        ("Stages `fetch_media` and `compress_media` in a flow run, Prefect's own time in it.",),
    )


def _row(delay: str, costs: Mapping[str, Sequence[Cost]]) -> tuple[str, ...]:
    single, together = (
        [cost.wall for cost in costs[f"{delay}, {name}"]] for name in ("one by one", "together")
    )
    ratio = median(together) / median(single)
    return delay, spread(single), spread(together), f"{ratio:.2f}"


def _in_a_flow(
    run: Callable[[Sequence[dict[str, Any]], Items], object],
    urls: Sequence[str],
    bench: Items,
    folder: Path,
) -> Callable[[], object]:
    @flow(name="items")
    def items(store: MediaStore) -> None:
        kinds = ["video" if url.endswith("mp4") else "image" for url in urls]
        calls = [
            {"url": url, "kind": kind, "loc": (f"{kind}s", place), "store": store}
            for place, (url, kind) in enumerate(zip(urls, kinds, strict=True))
        ]
        run(calls, bench)

    def made() -> object:
        root = tempfile.mkdtemp(dir=folder)
        limits = FetchLimits(trusted_hosts=("127.0.0.1",))
        store = MediaStore(root=root, limits=limits)
        store.save(Path(root).name.replace("_", "-").lower(), overwrite=True)
        return items(store)

    return made


def _together(calls: Sequence[dict[str, Any]], bench: Items) -> None:
    fetched = fetch_media.each(calls)
    compress_media.each([_next(call, ref, bench) for call, ref in zip(calls, fetched, strict=True)])


def _one_by_one(calls: Sequence[dict[str, Any]], bench: Items) -> None:
    for call in calls:
        compress_media(**_next(call, fetch_media(**call), bench))


def _next(call: Mapping[str, Any], ref: Any, bench: Items) -> dict[str, Any]:
    frames = (ref.frames - 1) // 8 * 8 + 1
    work = CompressWork(
        kind=ref.kind,
        aspect=bench.aspect,
        crf=bench.crf,
        take=frames,
        frames=frames,
        source_frame_rate=ref.frame_rate,
    )
    return {"work": work, "source": ref, "loc": call["loc"], "store": call["store"]}
