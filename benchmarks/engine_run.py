"""One clip by an engine, stage by stage, without flow, server or store."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import torch

from benchmarks.model_parts import model_parts_timed
from benchmarks.samples import PHOTO
from benchmarks.stopwatch import CudaClock, Stopwatch, WallClock
from benchmarks.weights import RandomWeights
from ltxv.checkpoints import find_checkpoint
from ltxv.engine_options import EngineOptions
from ltxv.media.compress import compress
from ltxv.media.probe import probe
from ltxv.model.local_engine import LocalEngine
from ltxv.model.payload import unpacked
from ltxv.plan import Plan, resolve
from ltxv.reel import Reel
from ltxv.request import VideoRequest

STAGES = ("encode_prompt", "first_pass", "second_pass", "decode")
_LOADER = "ltxv.model.models.load_component"


@dataclass(frozen=True)
class EngineRun:
    """What one clip cost: parts by stage, peak memory by stage in GiB, and its last latents."""

    watch: Stopwatch
    gib: dict[str, float]
    latents: torch.Tensor


@contextmanager
def engine_of(weights: RandomWeights, options: EngineOptions) -> Iterator[LocalEngine]:
    """Give a loaded engine whose every weight is random, and let go of all of them after."""
    with patch(_LOADER, weights):
        engine = LocalEngine(find_checkpoint("tiny"), device=weights.device, options=options)
        engine.load()
    try:
        yield engine
    finally:
        weights.forget()
        del engine
        torch.compiler.reset()
        gc.collect()
        if weights.device != "cpu":
            torch.cuda.empty_cache()


def plan_for(engine: LocalEngine, request: VideoRequest) -> Plan:
    """Return the plan of a request with the sample photo."""
    found = probe(PHOTO, loc=("images", 0), expect="image")
    return resolve(request, [found], model=engine.identity, seed=0)


def make_clip(engine: LocalEngine, plan: Plan, *, device: str) -> EngineRun:
    """Make one clip and throw its frames away."""
    watch = Stopwatch(clock_of(device))
    gib: dict[str, float] = {}

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        with watch.part(name), _peak_memory(gib, name, device):
            yield

    with model_parts_timed(watch), _prepared(plan) as item:
        with stage("encode_prompt"):
            prompt = engine.encode_prompt(plan.prompt_work)
        with stage("first_pass"):
            first = engine.first_pass(
                plan.first_pass_work, prompt=prompt, items=[item], on_step=_quiet
            )
        with stage("second_pass"):
            second = engine.second_pass(
                plan.second_pass_work, latents=first, prompt=prompt, items=[item], on_step=_quiet
            )
        with stage("decode"):
            reel = Reel(plan.decode_work)
            engine.decode(plan.decode_work, latents=second, on_step=_quiet, on_frames=reel.add)
    return EngineRun(watch, gib, unpacked(second, ("latents",), what="latents")[0])


def clock_of(device: str) -> WallClock:
    """Return the clock to time a device by."""
    return WallClock() if device == "cpu" else CudaClock()


@contextmanager
def _peak_memory(gib: dict[str, float], name: str, device: str) -> Iterator[None]:
    if device == "cpu":
        yield
        return
    torch.cuda.reset_peak_memory_stats(device)
    yield
    gib[name] = torch.cuda.max_memory_allocated(device) / 2**30


@contextmanager
def _prepared(plan: Plan) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ltx-bench-") as folder:
        item = Path(folder) / "item.mkv"
        compress(PHOTO, item, plan.items[0].compress, loc=plan.items[0].loc)
        yield item


def _quiet(_done: int, _total: int) -> None:
    """Take no interest in progress."""
