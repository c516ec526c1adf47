"""The tiny checkpoint on this machine: seconds a stage, load time, memory.

``python -m benchmarks.tiny`` prints one line of JSON for each clip: a photo at 480p, two passes.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from ltxv.checkpoints import find_checkpoint
from ltxv.model.local_engine import LocalEngine
from ltxv.plan import Plan, resolve
from ltxv.request import parse_request

_PHOTO = Path(__file__).parents[1] / "samples" / "cat.jpg"
_FRAMES = (17, 49)


@dataclass(frozen=True)
class _Picture:
    """What planning needs to know of a photo."""

    width: int
    height: int
    frames: int = 1
    frame_rate: float = 0.0


def main() -> None:
    """Measure clips of 17 and 49 frames on one engine; the first pays for the warm-up."""
    engine = LocalEngine(find_checkpoint("tiny"), device="cpu")
    began = time.perf_counter()
    engine.load()
    load = time.perf_counter() - began
    for frames in _FRAMES:
        stages = _measured(engine, frames)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        line: dict[str, Any] = {"frames": frames, "load": load, "memory_gib": peak, **stages}
        line["stages"] = sum(stages.values())
        print(json.dumps({name: round(value, 2) for name, value in line.items()}))


def _measured(engine: LocalEngine, frames: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, Image.open(_PHOTO) as photo:
        item = Path(folder) / "photo.png"
        photo.convert("RGB").save(item)
        plan = _plan(engine, frames, photo)
        seconds: dict[str, float] = {}

        def timed(name: str, call: Any, *given: Any, **named: Any) -> Any:
            began = time.perf_counter()
            result = call(*given, **named)
            seconds[name] = time.perf_counter() - began
            return result

        prompt = timed("encode_prompt", engine.encode_prompt, plan.prompt_work)
        common: dict[str, Any] = {"prompt": prompt, "items": [item], "on_step": _silent}
        small = timed("first_pass", engine.first_pass, plan.first_pass_work, **common)
        large = timed(
            "second_pass", engine.second_pass, plan.second_pass_work, latents=small, **common
        )
        timed("decode", engine.decode, plan.decode_work, latents=large, on_step=_silent)
        return seconds


def _plan(engine: LocalEngine, frames: int, photo: Image.Image) -> Plan:
    request = parse_request(
        {
            "prompt": "pan left",
            "resolution": "480p",
            "aspect_ratio": "16:9",
            "number_of_frames": frames,
            "images": [{"image_url": "cat.jpg", "start_frame_num": 0}],
        }
    )
    return resolve(request, [_Picture(photo.width, photo.height)], model=engine.identity, seed=1)


def _silent(_done: int, _of: int) -> None:
    pass


if __name__ == "__main__":
    main()
