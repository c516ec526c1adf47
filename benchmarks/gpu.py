"""The true 13B architecture on one CUDA GPU, with random weights made in place.

Engine and documented recipe share the very same models in one run; then the engine's levers, one
at a time. No network and no download. ``make bench-gpu`` runs it; where there is no CUDA GPU it
says so and ends well. ``--tiny --device cpu`` tries the plumbing on sizes that any CPU bears.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from benchmarks import levers
from benchmarks.documented import Documented
from benchmarks.engine_run import STAGES, EngineRun, clock_of, engine_of, make_clip, plan_for
from benchmarks.floors import peak_flops, stage_flops
from benchmarks.house import photo_request
from benchmarks.machine import command, machine
from benchmarks.model_parts import FORWARD, model_parts_timed
from benchmarks.repeat import interleaved, median, spread
from benchmarks.samples import PHOTO
from benchmarks.stopwatch import Stopwatch
from benchmarks.table import RESULTS, Report, Table
from benchmarks.weights import TRUE_CONFIGS, RandomWeights, tiny_configs
from ltxv.checkpoints import find_checkpoint
from ltxv.engine_options import EngineOptions
from ltxv.estimate import LTXV_13B
from ltxv.model.loading import load_tokenizer
from ltxv.plan import Plan
from ltxv.request import VideoRequest
from ltxv.shape import shape_of

_NOTES = (
    (
        "Seconds by CUDA events, medians, least and most in brackets. Stages hold all that lies in "
        "them: a pass its conditioning photo, `decode` the resize and the way to main memory."
    ),
    (
        "Documented: its second pass, VAE decode (tiled, as documented) and PIL pictures are one "
        "call; here the decode and the pictures stand under `decode`, with PIL resize and export."
    ),
    (
        "Floor: floating-point work over the GPU's peak rate in bf16. **Computed, not measured.** "
        "Share of peak: floor over measured seconds of the engine."
    ),
)


@dataclass(frozen=True)
class GpuBench:
    """What is measured."""

    device: str = "cuda"
    tiny: bool = False
    resolution: str = "720p"
    frames: int = 121
    aspect_ratio: str = "16:9"
    repeats: int = 5
    warm_ups: int = 2
    levers: Sequence[str] = tuple(levers.LEVERS)

    @property
    def request(self) -> VideoRequest:
        """Return the request."""
        return photo_request(
            PHOTO,
            resolution=self.resolution,
            number_of_frames=self.frames,
            aspect_ratio=self.aspect_ratio,
            seed=7,
        )

    def weights(self) -> RandomWeights:
        """Return a maker of weights."""
        return RandomWeights(tiny_configs() if self.tiny else TRUE_CONFIGS, self.device)


def measure(bench: GpuBench) -> Report:
    """Measure the two sides, then the levers."""
    side_by_side, samples = _side_by_side(bench)
    outcomes = levers.pull(bench.levers, lambda options: _engine_runs(bench, options))
    samples["levers"] = {found.name: found.seconds for found in outcomes}
    return Report(
        name="gpu",
        title=f"{bench.resolution}, {bench.frames} frames with a photo, random weights, one GPU",
        command=command("benchmarks.gpu"),
        machine={"device": device_name(bench.device), "tiny": bench.tiny, **machine()},
        tables=[side_by_side, levers.table(outcomes)],
        samples=samples,
    )


def device_name(device: str) -> str:
    """Return the name of the GPU, or ``cpu``."""
    return "cpu" if device == "cpu" else torch.cuda.get_device_name(device)


def main() -> None:
    """Measure, print and write; without a CUDA GPU say so."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N, or cpu with --tiny")
    parser.add_argument("--tiny", action="store_true", help="the embedded checkpoint's sizes")
    parser.add_argument("--resolution", default="720p", choices=["480p", "720p"])
    parser.add_argument("--frames", type=int, default=GpuBench.frames)
    parser.add_argument("--repeats", type=int, default=GpuBench.repeats)
    parser.add_argument("--levers", nargs="*", default=list(levers.LEVERS), metavar="LEVER")
    parser.add_argument("--results", type=Path, help="folder to write to")
    asked = vars(parser.parse_args())
    results = asked.pop("results")
    bench = GpuBench(**asked)
    if bench.device != "cpu" and not torch.cuda.is_available():
        print(f"There is no CUDA GPU here (PyTorch {torch.__version__}); nothing was measured.")
        return
    if bench.device == "cpu" and not bench.tiny:
        parser.error("the 13B architecture does not run on a CPU; add --tiny")
    if bench.device == "cpu" and results is None:
        parser.error("figures of the plumbing are no results; name another folder by --results")
    report = measure(bench)
    report.write(results or RESULTS)
    print(report.markdown())


def _side_by_side(bench: GpuBench) -> tuple[Table, dict[str, Any]]:
    weights = bench.weights()
    with (
        engine_of(weights, EngineOptions()) as engine,
        tempfile.TemporaryDirectory(prefix="ltx-bench-") as folder,
    ):
        plan = plan_for(engine, bench.request)
        recipe = _recipe(weights)
        arms = {
            "documented": lambda: _documented(recipe, plan, Path(folder), bench.device),
            "engine": lambda: make_clip(engine, plan, device=bench.device),
        }
        interleaved(arms, bench.warm_ups)
        found = interleaved(arms, bench.repeats)
    theirs = [run for run in found["documented"] if isinstance(run, Stopwatch)]
    ours = [run for run in found["engine"] if isinstance(run, EngineRun)]
    samples = {
        "documented": [_seconds(watch) for watch in theirs],
        "engine": [{**_seconds(run.watch), "gib": run.gib} for run in ours],
    }
    return _table(bench, plan, theirs, ours), samples


def _engine_runs(bench: GpuBench, options: EngineOptions) -> list[EngineRun]:
    with engine_of(bench.weights(), options) as engine:
        plan = plan_for(engine, bench.request)
        for _ in range(bench.warm_ups):
            make_clip(engine, plan, device=bench.device)
        return [make_clip(engine, plan, device=bench.device) for _ in range(bench.repeats)]


def _recipe(weights: RandomWeights) -> Documented:
    made = weights.made
    return Documented.of(
        made["latent_upsampler"],
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=made["vae"],
        text_encoder=made["text_encoder"],
        tokenizer=load_tokenizer(find_checkpoint("tiny")),
        transformer=made["transformer"],
    )


def _documented(recipe: Documented, plan: Plan, folder: Path, device: str) -> Stopwatch:
    watch = Stopwatch(clock_of(device))
    with model_parts_timed(watch):
        recipe.make(plan, PHOTO, folder / "documented.mp4", watch=watch)
    recipe.pipeline.vae.disable_tiling()
    return watch


def _table(
    bench: GpuBench, plan: Plan, theirs: Sequence[Stopwatch], ours: Sequence[EngineRun]
) -> Table:
    shape = shape_of(find_checkpoint("tiny")) if bench.tiny else LTXV_13B
    work, peak = stage_flops(plan, shape), peak_flops(device_name(bench.device))
    rows = []
    for stage in STAGES:
        seconds = [run.watch.whole(stage).wall for run in ours]
        floor = work[stage] / peak if peak and stage in work else None
        rows.append(
            (
                stage,
                spread(_documented_stage(watch, stage) for watch in theirs),
                spread(seconds),
                f"{floor:.2f}" if floor else "",
                f"{floor / median(seconds):.0%}" if floor else "",
                f"{max(run.gib[stage] for run in ours):.1f}" if stage in ours[0].gib else "",
            )
        )
    rows += [
        (
            "all",
            spread(watch.whole().wall for watch in theirs),
            spread(run.watch.whole().wall for run in ours),
            f"{sum(work.values()) / peak:.2f}" if peak else "",
            "",
            "",
        ),
        (
            "forwards",
            str(theirs[0].total(FORWARD).count),
            str(ours[0].watch.total(FORWARD).count),
            "",
            "",
            "",
        ),
    ]
    columns = ("stage", "documented", "engine", "floor (computed)", "share of peak", "peak GiB")
    return Table("Stages, seconds", columns, rows, _NOTES)


def _documented_stage(watch: Stopwatch, stage: str) -> float:
    """Return the documented seconds that stand against one stage of the engine's."""
    tail = watch.total("vae_decode", "pictures", "resize", "export").wall
    return {
        "encode_prompt": 0.0,
        "first_pass": watch.whole("first_pass").wall,
        "second_pass": watch.whole("upsample", "second_pass", "resize", "export").wall - tail,
        "decode": tail,
    }[stage]


def _seconds(watch: Stopwatch) -> dict[str, Any]:
    return {path: round(cost.wall, 4) for path, cost in sorted(watch.parts.items())}


if __name__ == "__main__":
    main()
