"""Photographs that the tiny checkpoint was not trained on, and clips made of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import skimage
import torch
from torch import Tensor

from ltxv.checkpoints import find_checkpoint
from ltxv.engine import (
    DecodeWork,
    FirstPassWork,
    Frames,
    ModelIdentity,
    PassWork,
    Placement,
    PromptWork,
    SecondPassWork,
)
from ltxv.engine_options import EngineOptions
from ltxv.model.local_engine import LocalEngine
from ltxv.reel import Reel
from ltxv.schedule import pass_sigmas
from ltxv.tiny.moves import View, filmed
from ltxv.tiny.pictures import read

WIDTH, HEIGHT, FRAMES = 512, 320, 17
"""The finished clips; the first pass runs at half of it."""

_FOLDER = Path(skimage.__file__).parent / "data"
LIT = tuple(
    (name, across)
    for name, places in (
        ("chelsea.png", (0.42, 0.47, 0.53, 0.58)),
        ("coffee.png", (0.42, 0.47, 0.53, 0.58)),
    )
    for across in places
)
"""Eight views of two photographs: a file, and where from left to right the view's centre is."""

CROPS = (*LIT[::2], *LIT[1::4], ("rocket.jpg", 0.45), ("rocket.jpg", 0.55))
"""Eight views of three. Moves are checked on ``LIT``: on the rocket most were misread."""


@cache
def truth(crop: tuple[str, float], move: str = "hold") -> Tensor:
    """Return (3, f, h, w) in -1..1: the view under a camera move, at the finished size."""
    name, across = crop
    picture = read(_FOLDER / name)
    _, tall, wide = picture.shape
    scale = 0.8 * min(tall / HEIGHT, wide / WIDTH)
    view = View((tall / 2, wide * across), scale)
    return filmed(picture, view, move=move, frames=FRAMES, height=HEIGHT, width=WIDTH)


def shown(clip: Tensor) -> Frames:
    """Return a clip (3, f, h, w) as (f, h, w, 3) uint8."""
    frames: Frames = ((clip.movedim(0, -1) + 1) * 127.5).round().byte().numpy()
    return frames


def psnr(one: Frames, other: Frames) -> float:
    """Return the peak signal-to-noise ratio in dB."""
    error = np.square(one.astype(np.float64) - other).mean()
    return float(10 * np.log10(255**2 / error))


@dataclass(frozen=True)
class Wish:
    """What is asked of the engine; ``items`` are frames of ``still`` and where they go."""

    prompt: str
    starts: tuple[int, ...] = (0,)
    strength: float = 1.0
    seed: int = 7
    adain: float = 1.0


class Studio:
    """The tiny checkpoint behind the engine's own door."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = LocalEngine(
            find_checkpoint("tiny"), device="cpu", options=EngineOptions(threads=1)
        )

    @property
    def model(self) -> ModelIdentity:
        """The model the works are for."""
        return self.engine.identity

    def first(self, wish: Wish, clip: Tensor) -> bytes:
        """Return the first pass's latents; frames of ``clip`` at the wish's starts are given."""
        return self.engine.first_pass(
            FirstPassWork(
                **self._common(wish, 1),
                sigmas=pass_sigmas(8, skip_final=1),
                seed=wish.seed,
            ),
            prompt=self._prompt(wish),
            items=self._items(wish, clip),
            on_step=_silent,
        )

    def second(self, wish: Wish, clip: Tensor, latents: bytes) -> bytes:
        """Return the second pass's latents."""
        return self.engine.second_pass(
            SecondPassWork(
                **self._common(wish, 2),
                sigmas=pass_sigmas(8, skip_initial=5),
                adain_factor=wish.adain,
            ),
            latents=latents,
            prompt=self._prompt(wish),
            items=self._items(wish, clip),
            on_step=_silent,
        )

    def frames(self, latents: bytes) -> Frames:
        """Return latents of either pass as frames of the finished size."""
        work = DecodeWork(
            model=self.model, width=WIDTH, height=HEIGHT, frames=FRAMES, padding=(0, 0, 0, 0)
        )
        reel = Reel(work)
        self.engine.decode(work, latents=latents, on_step=_silent, on_frames=reel.add)
        return reel.frames

    def film(self, wish: Wish, clip: Tensor) -> Frames:
        """Return the finished frames of both passes."""
        return self.frames(self.second(wish, clip, self.first(wish, clip)))

    def _prompt(self, wish: Wish) -> bytes:
        return self.engine.encode_prompt(PromptWork(model=self.model, text=wish.prompt))

    def _common(self, wish: Wish, times: int) -> dict[str, object]:
        placements = tuple(
            Placement(kind="image", start_frame=start, frames=1, strength=wish.strength)
            for start in wish.starts
        )
        work = PassWork(
            model=self.model,
            width=WIDTH // 2 * times,
            height=HEIGHT // 2 * times,
            frames=FRAMES,
            frame_rate=24.0,
            sigmas=(1.0,),
            padding=(0, 0, 0, 0),
            placements=placements,
        )
        return work.model_dump(exclude={"sigmas"})

    def _items(self, wish: Wish, clip: Tensor) -> list[Path]:
        from PIL import Image  # noqa: PLC0415

        files = []
        for start in wish.starts:
            file = self.folder / f"frame-{len(list(self.folder.iterdir()))}.png"
            Image.fromarray(shown(clip)[start]).save(file)
            files.append(file)
        return files


def _silent(_done: int, _of: int) -> None:
    pass


def repeated(clip: Tensor) -> Tensor:
    """Return a clip that holds its first frame."""
    return clip[:, :1].expand(-1, FRAMES, -1, -1).contiguous()


def detail(frames: Frames) -> float:
    """Return the energy of a clip's fine structure."""
    grey = torch.from_numpy(frames.astype(np.float32).mean(axis=3))
    return float(grey.diff(dim=1).square().mean() + grey.diff(dim=2).square().mean())
