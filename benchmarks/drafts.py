"""Four drafts and one refinement against four full runs: run as ``python -m benchmarks.drafts``.

Same weights (tiny), threads, photo, sizes and seeds; models loaded and a Prefect server up before
anything is timed; every run of either side has a store of its own; rounds interleaved; medians.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import torch
from prefect.client.orchestration import get_client
from prefect.exceptions import Pause

from benchmarks.counting import counted
from benchmarks.house import House, open_house, photo_request
from benchmarks.machine import command, machine
from benchmarks.repeat import interleaved, median, spread
from benchmarks.samples import PHOTO, planned
from benchmarks.table import RESULTS, Report, Table, verdict
from deployments.flow_runs import resume_with, start_here
from flows.draft import draft_videos
from flows.generate import generate_video
from ltxv.estimate import forward_flops
from ltxv.request import VideoRequest

FULL, DRAFTED = "full runs", "drafts, one refined"
_GOAL = 0.45
_SEED = 7


class Round(NamedTuple):
    """One measurement of one side."""

    seconds: float
    forwards: Mapping[str, int]


@dataclass(frozen=True)
class Bench:
    """What is measured, and how often."""

    drafts: int = 4
    repeats: int = 3
    threads: int = 1
    fields: Mapping[str, Any] = field(
        default_factory=lambda: {
            "resolution": "480p",
            "aspect_ratio": "16:9",
            "number_of_frames": 17,
        }
    )

    def request(self, seed: int = _SEED) -> VideoRequest:
        """Return the request with a seed."""
        return photo_request(PHOTO, **{**self.fields, "seed": seed})


@dataclass(frozen=True)
class Findings:
    """All rounds, and the sizes that the forwards were of."""

    bench: Bench
    rounds: Mapping[str, Sequence[Round]]

    def table(self) -> Table:
        """Return work and time of both sides, and their ratios."""
        here = _tokens(self.bench.request())
        large = {
            frames: _tokens(photo_request(PHOTO, aspect_ratio="16:9", number_of_frames=frames))
            for frames in (121, 161, 257)
        }
        sides = [self.rounds[FULL], self.rounds[DRAFTED]]
        counts = [_same([one.forwards for one in side]) for side in sides]
        seconds = [[one.seconds for one in side] for side in sides]
        return Table(
            f"{self.bench.drafts} drafts and one refinement",
            ("what", FULL, DRAFTED, "ratio", f"at most {_GOAL}"),
            [
                _row("forwards, first pass", [float(count["first_pass"]) for count in counts]),
                _row("forwards, second pass", [float(count["second_pass"]) for count in counts]),
                _judged("PFLOP of 13B forwards, this size", [_pflop(c, here) for c in counts]),
                *(
                    _judged(
                        f"PFLOP of 13B forwards, 720p of {frames} frames",
                        [_pflop(count, tokens) for count in counts],
                    )
                    for frames, tokens in large.items()
                ),
                (
                    "wall seconds, tiny on this CPU",
                    *map(spread, seconds),
                    *_ratio([median(side) for side in seconds]),
                ),
            ],
            (
                "Forwards are counted; their work is computed for the 13B transformer's tokens.",
                "Wall seconds include text, media, decoding, the safety check, files and Prefect.",
                "Those of the drafts include previews, the sheet and the way through the choice.",
            ),
        )


def measure(bench: Bench, house: House) -> Findings:
    """Run both sides in rounds."""
    torch.set_num_threads(bench.threads)
    _full(Bench(drafts=1, fields=bench.fields), house)  # models load
    arms = {FULL: lambda: _full(bench, house), DRAFTED: lambda: _drafted(bench, house)}
    return Findings(bench, interleaved(arms, bench.repeats))


def main() -> None:
    """Measure, print the table and write it to ``benchmarks/results``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drafts", description=__doc__)
    parser.add_argument("--repeats", type=int, default=Bench.repeats)
    parser.add_argument("--drafts", type=int, default=Bench.drafts)
    parser.add_argument("--threads", type=int, default=Bench.threads, help="of PyTorch")
    parser.add_argument("--frames", type=int, default=Bench().fields["number_of_frames"])
    parser.add_argument("--resolution", default=Bench().fields["resolution"])
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    asked = parser.parse_args()
    fields = {
        **Bench().fields,
        "number_of_frames": asked.frames,
        "resolution": asked.resolution,
    }
    bench = Bench(drafts=asked.drafts, repeats=asked.repeats, threads=asked.threads, fields=fields)
    with open_house(threads=bench.threads) as house:
        found = measure(bench, house)
    report = Report(
        name="drafts",
        title=f"Drafts of {asked.frames} frames at {asked.resolution}, with a photo, on a CPU",
        command=command("benchmarks.drafts"),
        machine=machine(),
        tables=[found.table()],
        samples={name: [one._asdict() for one in side] for name, side in found.rounds.items()},
    )
    report.write(asked.results)
    print(report.markdown())


def _full(bench: Bench, house: House) -> Round:
    blocks = {"model": house.name, "store": house.new_store(), "safety": house.name}
    with counted() as counting:
        began = time.perf_counter()
        for number in range(bench.drafts):
            generate_video(bench.request(_SEED + number), **blocks)
        return Round(time.perf_counter() - began, dict(counting.forwards))


def _drafted(bench: Bench, house: House) -> Round:
    blocks = {"model": house.name, "store": house.new_store(), "safety": house.name}
    asked = {"request": bench.request(), "drafts": bench.drafts, **blocks}
    with counted() as counting:
        began = time.perf_counter()
        try:
            start_here(draft_videos, asked)
        except Pause:
            with get_client(sync_client=True) as client:
                run = client.read_flow_run(UUID(counting.flow_run))
            resume_with(run, {"drafts": [bench.drafts]})
        return Round(time.perf_counter() - began, dict(counting.forwards))


def _tokens(request: VideoRequest) -> dict[str, int]:
    plan = planned(request)
    return {"first_pass": plan.first_pass.tokens, "second_pass": plan.second_pass.tokens}


def _same(counts: Sequence[Mapping[str, int]]) -> Counter[str]:
    """Return what all rounds counted.

    Raises:
        RuntimeError: They differ, so that something was measured that was not meant.
    """
    if any(count != counts[0] for count in counts):
        raise RuntimeError(f"rounds ran different numbers of forwards: {counts}")
    return Counter(counts[0])


def _pflop(count: Mapping[str, int], tokens: Mapping[str, int]) -> float:
    return sum(forwards * forward_flops(tokens[name]) for name, forwards in count.items()) / 1e15


def _row(what: str, sides: Sequence[float]) -> tuple[str, ...]:
    return (what, *(f"{side:g}" for side in sides), f"{sides[1] / sides[0]:.2f}", "")


def _judged(what: str, sides: Sequence[float]) -> tuple[str, ...]:
    return (what, *(f"{side:.2f}" for side in sides), *_ratio(sides))


def _ratio(sides: Sequence[float]) -> tuple[str, str]:
    ratio = sides[1] / sides[0]
    return f"{ratio:.3f}", verdict(ratio, _GOAL)


if __name__ == "__main__":
    main()
