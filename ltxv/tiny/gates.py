"""The last feed-forward of the transformer, fitted by least squares: a linear map for each move.

A picture that moves by less than a latent is nearly a linear map of the latents around, another
for each camera move. Every map's units come in pairs whose difference is linear and whose common
offset is a gate: gelu(u + c) - gelu(-u + c) is 2u where c is 3 and nothing where it is -3. Words
open the gates. One more map is always open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own name
from torch import Tensor

from ltxv.model.denoise import noise_levels, predict
from ltxv.tiny.denoiser import importance
from ltxv.tiny.lessons import Lesson
from ltxv.tiny.moves import MOVES
from ltxv.tiny.prompts import Phrases
from ltxv.tiny.training import FIRST_FRAME, drawn, task

_RANK = 96
_LEVELS = (1.0, 1.0, 0.9875, 0.975, 0.909375, 0.725)
_OPEN = 3.0
_SIZE = 0.6
"""The deviation of a unit: small beside the gate, so that the pair stays linear."""
_RIDGE = 1e-2
_TYPICAL = 950.0
"""The timestep at which the output's own scale is taken."""


@dataclass(frozen=True)
class Rows:
    """Tokens: what the feed-forward is given, what the output lacks, and the move."""

    given: Tensor
    lacking: Tensor
    move: Tensor


@torch.no_grad()
def fit_gates(model: Any, lessons: Sequence[Lesson], phrases: Phrases, *, tokens: int) -> None:
    """Give the last block's feed-forward a map for each move, fitted on ``tokens`` tokens."""
    rows = _rows(model, lessons, phrases, tokens)
    chosen = F.one_hot(rows.move, len(MOVES)).float()
    openings = _ridge(rows.given, chosen, 1e-3)
    always = openings.new_zeros(len(openings))
    always[-1] = _OPEN
    units = []
    for index in range(len(MOVES)):
        gate = 2 * _OPEN * openings[:, index]
        gate[-1] -= _OPEN
        units.append(_pairs(rows, rows.move == index, gate))
    units.append(_pairs(rows, rows.move >= 0, always))
    weights = torch.cat(units)
    hidden = F.gelu(rows.given @ weights[:, :-1].T + weights[:, -1], approximate="tanh")
    _install(model, weights, _ridge(hidden, rows.lacking, _RIDGE))


def _rows(model: Any, lessons: Sequence[Lesson], phrases: Phrases, tokens: int) -> Rows:
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
    while sum(len(part.move) for part in found) < tokens:
        lesson = lessons[int(torch.multinomial(share, 1))]
        level = torch.tensor(_LEVELS[int(torch.randint(len(_LEVELS), ()))])
        chosen, prompt = drawn(lesson, phrases)
        step, velocity = task(lesson, chosen, level, FIRST_FRAME)
        if step.mask is None:
            raise ValueError("a lesson without its first frame cannot be fitted")
        levels = noise_levels(level, step.mask)
        lacking = velocity - predict(model, step.latents, step.coords, levels, prompt)
        spread = seen["last"].var(dim=-1, unbiased=False, keepdim=True).sqrt()
        move = torch.tensor([MOVES.index(lesson.moves[index]) for index in chosen])
        free = step.mask < 1
        moves = move.unsqueeze(1).expand_as(step.mask)
        found.append(Rows(seen["given"][free], (lacking * spread)[free], moves[free]))
    for hook in hooks:
        hook.remove()
    parts = zip(*((part.given, part.lacking, part.move) for part in found), strict=True)
    return Rows(*(torch.cat(part) for part in parts))


def _pairs(rows: Rows, which: Tensor, gate: Tensor) -> Tensor:
    """Return units (2 * rank, width + 1), bias last, that see the best map of some rows."""
    some = replace(rows, given=rows.given[which], lacking=rows.lacking[which])
    wanted = _ridge(some.given, some.lacking, _RIDGE)[:-1]
    shown = (some.given @ wanted) * importance().sqrt()
    _, _, basis = torch.linalg.svd(shown - shown.mean(dim=0), full_matrices=False)
    directions = wanted @ (importance().sqrt().unsqueeze(1) * basis[:_RANK].T)
    spread, mean = torch.std_mean(some.given @ directions, dim=0)
    directions = directions * (_SIZE / spread.clamp(min=1e-6))
    mean = mean * (_SIZE / spread.clamp(min=1e-6))
    both = [
        torch.cat([(sign * directions).T + gate[:-1], (gate[-1] - sign * mean).unsqueeze(1)], dim=1)
        for sign in (1, -1)
    ]
    return torch.cat(both)


def _ridge(x: Tensor, y: Tensor, share: float) -> Tensor:
    """Return weights (inputs + 1, outputs), bias last; the penalty is a share of each variance."""
    x = F.pad(x, (0, 1), value=1.0)
    squares = (x.T @ x).double()
    penalty = share * squares.diagonal()
    penalty[-1] = 0.0
    squares = squares + torch.diag(penalty) + 1e-6 * len(x) * torch.eye(len(squares))
    weights: Tensor = torch.linalg.solve(squares, (x.T @ y).double()).float()
    return weights


def _install(model: Any, units: Tensor, outputs: Tensor) -> None:
    """Write the units, and outputs that the model's own output layer turns into velocities."""
    block = model.transformer_blocks[-1]
    time, embedded = model.time_embed(
        torch.tensor([_TYPICAL]), batch_size=1, hidden_dtype=units.dtype
    )
    gate = (block.scale_shift_table + time.view(6, -1))[5]
    scale = 1 + model.scale_shift_table[1] + embedded.view(-1)
    onward = model.proj_out.weight * scale * gate
    back = onward.T @ torch.linalg.inv(onward @ onward.T + 1e-3 * torch.eye(len(onward)))
    block.ff.net[0].proj.weight.copy_(units[:, :-1])
    block.ff.net[0].proj.bias.copy_(units[:, -1])
    block.ff.net[2].weight.copy_(back @ outputs[:-1].T)
    block.ff.net[2].bias.copy_(back @ outputs[-1])
