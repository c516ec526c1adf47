"""What the gates are fitted to: tokens of the lessons, as the last feed-forward meets them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from ltxv.model.denoise import noise_levels, predict
from ltxv.tiny.lessons import Lesson
from ltxv.tiny.moves import MOVES
from ltxv.tiny.prompts import Phrases
from ltxv.tiny.training import FIRST_FRAME, drawn, task

GREY = "black and white"
WISHES = (*MOVES, GREY)

_LEVELS = (1.0, 1.0, 0.9875, 0.975, 0.909375, 0.725)


@dataclass(frozen=True)
class Rows:
    """Tokens: what the feed-forward is given, what the output lacks, and what was wished."""

    given: Tensor
    lacking: Tensor
    wished: Tensor
    """(tokens, wishes), 1 for each of ``WISHES`` that is the clip's."""
    place: Tensor
    """(tokens, 2), latents below and to the right of the middle."""
    frames: Tensor
    """Latent frames of the clip."""

    def of(self, wish: str) -> Tensor:
        """Say which tokens are of clips for which this was wished."""
        return self.wished[:, WISHES.index(wish)] > 0


def rows_of(model: Any, lessons: Sequence[Lesson], phrases: Phrases, *, tokens: int) -> Rows:
    """Run the model without its last feed-forward, with first frames given and no keyframes."""
    seen: dict[str, Tensor] = {}

    def silence(_layer: Any, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
        seen["given"] = given[0]
        return torch.zeros_like(output)

    def keep(_layer: Any, given: tuple[Tensor, ...]) -> None:
        seen["last"] = given[0]

    hooks = (
        model.transformer_blocks[-1].ff.register_forward_hook(silence),
        model.norm_out.register_forward_pre_hook(keep),
    )
    share = torch.tensor([float(len(lesson.moves)) for lesson in lessons])
    found: list[Rows] = []
    while sum(len(part.frames) for part in found) < tokens:
        lesson = lessons[int(torch.multinomial(share, 1))]
        level = torch.tensor(_LEVELS[int(torch.randint(len(_LEVELS), ()))])
        chosen, prompt = drawn(lesson, phrases)
        step, velocity = task(lesson, chosen, level, FIRST_FRAME)
        if step.mask is None:
            raise ValueError("a lesson without its first frame cannot be fitted")
        levels = noise_levels(level, step.mask)
        lacking = velocity - predict(model, step.latents, step.coords, levels, prompt)
        spread = seen["last"].var(dim=-1, unbiased=False, keepdim=True).sqrt()
        free = step.mask < 1
        clip, _ = free.nonzero(as_tuple=True)
        found.append(
            Rows(
                seen["given"][free],
                (lacking * spread)[free],
                _wished(lesson, chosen)[clip],
                _places(lesson).repeat(len(chosen), 1, 1)[free],
                torch.full_like(clip, lesson.clips.shape[2]),
            )
        )
    for hook in hooks:
        hook.remove()
    return Rows(*(torch.cat([getattr(part, one.name) for part in found]) for one in fields(Rows)))


def _wished(lesson: Lesson, chosen: Tensor) -> Tensor:
    """Return (clips, wishes) of 0 and 1."""
    return torch.tensor(
        [
            [float(wish in (lesson.moves[index], lesson.looks[index])) for wish in WISHES]
            for index in chosen.tolist()
        ]
    )


def _places(lesson: Lesson) -> Tensor:
    """Return (tokens, 2): latents below and to the right of the middle, for one clip."""
    length, tall, wide = lesson.clips.shape[2:]
    sides = (torch.arange(side) - (side - 1) / 2 for side in (tall, wide))
    places = torch.stack(torch.meshgrid(*sides, indexing="ij"), dim=-1)
    return places.expand(length, tall, wide, 2).reshape(-1, 2)
