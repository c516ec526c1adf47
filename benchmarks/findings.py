"""What the runs of both sides say, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import documented as recipe
from benchmarks.house import STAGES, FlowRun
from benchmarks.model_parts import FORWARD, PICTURES, VAE_DECODE
from benchmarks.repeat import median, spread
from benchmarks.stopwatch import Cost, Stopwatch
from benchmarks.table import Table, verdict

FORWARDS = 10
WALL_RATIO = 0.75
TAIL_RATIO = 0.25
OVERHEAD_SECONDS = 2.0
AFTER_THE_CHANGE = ("second_pass", "decode", "screen_frames", "write_video", "upload")

_COLUMNS = ("what", "documented", "flow", "flow / documented", "target", "")
_NOTES = (
    "Medians, least and most in brackets.",
    "Documented: diffusers' example for 0.9.7 distilled, with the pass sizes of the flow.",
    (
        "Flow: `generate_video` as it is deployed, from the request to the published mp4: safety "
        "check, contact sheet and the storing of every stage are in it."
    ),
    (
        "Wall seconds of the flow: from the call until the server has the run as Completed, which "
        "is when whoever waits for it hears of it. The call itself returns up to a second later: "
        "Prefect then joins the thread of its heartbeat, which sleeps for a second at a time."
    ),
    (
        "After decode: from the VAE's tensor to frames that the encoder takes. Documented: "
        "float32 array, PIL pictures, PIL resize. Flow: clamp, resize, crop, cast to uint8."
    ),
    (
        "Encoder: documented `export_to_video` (imageio, sides rounded up to 16); flow the mp4, "
        "and its storing, in runs without the safety check, which works at the same time. CPU "
        "seconds of all cores, ffmpeg's included."
    ),
    (
        "Orchestration: the seconds until the call returns in which none of the functions ran that "
        "stages are made of. One server on SQLite, up already; heartbeats at Prefect's default."
    ),
    (
        "Peak memory: largest resident size of a fresh process, ffmpeg (a process of its own) and "
        "the Prefect server left out. The flow's process has the engine in it."
    ),
)


@dataclass(frozen=True)
class Findings:
    """Everything measured by ``benchmarks.two_pass``."""

    documented: Sequence[Stopwatch]
    untiled: Sequence[Stopwatch]
    flow: Sequence[FlowRun]
    unchecked: Sequence[FlowRun]
    again: Sequence[FlowRun]
    changed: FlowRun
    peaks: Mapping[str, Mapping[str, float]]

    def tables(self) -> list[Table]:
        """Return the targets' table and one of the parts."""
        return [Table("Targets", _COLUMNS, self._targets(), _NOTES), self._parts()]

    def samples(self) -> dict[str, Any]:
        """Return every single measurement."""
        return {
            "documented": [_costs(watch.parts) for watch in self.documented],
            "documented, untiled": [_costs(watch.parts) for watch in self.untiled],
            "flow": [_run(run) for run in self.flow],
            "flow, unchecked": [_run(run) for run in self.unchecked],
            "again": [
                _costs({"whole": run.whole}) | {"completed": run.completed} for run in self.again
            ],
            "changed": {state: self.changed.stages_that(state) for state in ("ran", "cached")},
            "peaks": {side: dict(found) for side, found in self.peaks.items()},
        }

    def _targets(self) -> list[tuple[str, ...]]:
        inside = [run.inside for run in self.flow]
        alone = [run.inside for run in self.unchecked]
        completed = [run.completed for run in self.flow]
        forwards = inside[0].total(FORWARD).count
        overhead = [run.overhead for run in self.flow]
        ran_again = max(len(run.stages_that("ran")) for run in self.again)
        ran = tuple(self.changed.stages_that("ran"))
        return [
            (
                "forwards of the transformer",
                str(self.documented[0].total(FORWARD).count),
                str(forwards),
                "",
                str(FORWARDS),
                "met" if forwards == FORWARDS else "missed",
            ),
            _compared("wall seconds", _walls(self.documented), completed, limit=WALL_RATIO),
            _compared(
                "wall seconds until the call returns",
                _walls(self.documented),
                [run.whole.wall for run in self.flow],
            ),
            _compared(
                "wall seconds without the safety check",
                _walls(self.documented),
                [run.completed for run in self.unchecked],
            ),
            _compared(
                "wall seconds, documented without VAE tiling", _walls(self.untiled), completed
            ),
            _compared(
                "CPU seconds after decode",
                [_tail(watch) for watch in self.documented],
                [_flow_tail(watch) for watch in inside],
                limit=TAIL_RATIO,
            ),
            _compared(
                "CPU seconds of the encoder",
                [watch.total("export").cpu for watch in self.documented],
                [watch.total("write_video").cpu for watch in alone],
            ),
            _compared(
                "CPU seconds after decode, encoder included",
                [_tail(watch) + watch.total("export").cpu for watch in self.documented],
                [_flow_tail(watch) + watch.total("write_video").cpu for watch in alone],
            ),
            (
                "seconds of orchestration",
                "",
                spread(overhead),
                "",
                f"at most {OVERHEAD_SECONDS:g}",
                verdict(median(overhead), OVERHEAD_SECONDS),
            ),
            (
                "stages run by the same request again",
                "",
                str(ran_again),
                "",
                "0",
                verdict(ran_again, 0),
            ),
            ("its wall seconds", "", spread(run.completed for run in self.again), "", "", ""),
            (
                "stages run after a change of the second pass",
                "",
                ", ".join(ran),
                "",
                "those that follow",
                "met" if ran == AFTER_THE_CHANGE else "missed",
            ),
            _peak("peak memory of 720p with 121 frames, GiB", self.peaks, "gib"),
            _peak("its wall seconds, models loaded in it", self.peaks, "seconds"),
        ]

    def _parts(self) -> Table:
        inside = [run.inside for run in self.flow]
        theirs = [*recipe.STAGES, FORWARD, VAE_DECODE, PICTURES]
        ours = [*STAGES, FORWARD, VAE_DECODE]
        return Table(
            "Parts",
            ("side", "part", "wall seconds", "CPU seconds"),
            [
                *(("documented", *_part(self.documented, name)) for name in theirs),
                *(("flow", *_part(inside, name)) for name in ours),
            ],
            (
                "Each part without those inside it: forwards are listed apart from their passes.",
                "Frames are screened while the file is written: each has the CPU seconds of both.",
                "Reading and compressing the photo is part of `first_pass` on the documented side.",
            ),
        )


def _part(watches: Sequence[Stopwatch], name: str) -> tuple[str, str, str]:
    costs = [watch.total(name) for watch in watches]
    return name, spread(cost.wall for cost in costs), spread(cost.cpu for cost in costs)


def _compared(
    what: str, theirs: Sequence[float], ours: Sequence[float], *, limit: float | None = None
) -> tuple[str, ...]:
    ratio = median(ours) / median(theirs)
    target = "" if limit is None else f"at most {limit:g}"
    met = "" if limit is None else verdict(ratio, limit)
    return what, spread(theirs), spread(ours), f"{ratio:.2f}", target, met


def _peak(what: str, peaks: Mapping[str, Mapping[str, float]], key: str) -> tuple[str, ...]:
    theirs, ours = peaks["documented"][key], peaks["flow"][key]
    return what, f"{theirs:.2f}", f"{ours:.2f}", f"{ours / theirs:.2f}", "", ""


def _walls(watches: Iterable[Stopwatch]) -> list[float]:
    return [sum(cost.wall for cost in watch.parts.values()) for watch in watches]


def _tail(watch: Stopwatch) -> float:
    return watch.total(PICTURES, "resize").cpu


def _flow_tail(watch: Stopwatch) -> float:
    """Everything of ``decode`` that is not the VAE's: a little reading of latents included."""
    return watch.total("decode").cpu


def _run(run: FlowRun) -> dict[str, Any]:
    return _costs({"whole": run.whole, **run.inside.parts}) | {
        "completed": run.completed,
        "overhead": run.overhead,
    }


def _costs(parts: Mapping[str, Cost]) -> dict[str, Any]:
    return {
        path: {"wall": round(cost.wall, 4), "cpu": round(cost.cpu, 4), "count": cost.count}
        for path, cost in sorted(parts.items())
    }
