"""The last feed-forward of the transformer, fitted by least squares: a linear map for each wish.

A picture that moves by less than a latent is nearly a linear map of the latents around, another
for each way that it goes. Every map's units come in pairs whose difference is linear and whose
common offset is a gate: gelu(u + c) - gelu(-u + c) is 2u where c is 4 and nothing where it is -4.
Words open the gates. Zooming opens the maps of two pans halfway, and the place in the frame turns
one up and the other down. One more map is always open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own name
from torch import Tensor

from ltxv.tiny.denoiser import importance
from ltxv.tiny.lessons import Lesson
from ltxv.tiny.moves import PANS
from ltxv.tiny.prompts import Phrases
from ltxv.tiny.rows import GREY, WISHES, Rows, rows_of

_OPEN = 4.5
_ALWAYS = 3.0
_STEEP = 0.5
"""How far a gate that a zoom holds halfway goes up or down with each latent from the middle."""
_FARTHEST = 9.0
"""Latents from the middle beyond which all places are the same."""
_PAIRS = {"pan": 80, "zoom out": 45, "hold": 96, "grey": 44, "always": 128}
"""The feed-forward has 768: for each of four pans, four ways of zooming out, and the others."""
_SIZE = 0.6
"""The deviation of a unit: small beside the gate, so that the pair stays linear."""
_RIDGE = 1e-4
_WORD_RIDGE = 1e-3
_PLACE_RIDGE = 3e-3
_TYPICAL = 950.0
"""The timestep at which the output's own scale is taken."""


@dataclass(frozen=True)
class _Map:
    """The tokens that a map is fitted to, what opens it, and how many pairs of units it has."""

    tokens: Tensor
    gate: Tensor
    pairs: int


@torch.no_grad()
def fit_gates(model: Any, lessons: Sequence[Lesson], phrases: Phrases, *, tokens: int) -> None:
    """Give the last block's feed-forward a map for each wish, fitted on ``tokens`` tokens."""
    rows = rows_of(model, lessons, phrases, tokens=tokens)
    weights = torch.cat([_pairs(rows, one) for one in _maps(rows)])
    hidden = F.gelu(rows.given @ weights[:, :-1].T + weights[:, -1], approximate="tanh")
    _install(model, weights, _ridge(hidden, rows.lacking, _RIDGE))


def _maps(rows: Rows) -> list[_Map]:
    """Return every map; a gate is linear in what the feed-forward is given, the constant last."""
    opening = dict(zip(WISHES, _ridge(rows.given, rows.wished, _WORD_RIDGE).T, strict=True))
    readings = _ridge_of_places(rows)
    pans, inwards = [], []
    for pan, (down, right) in PANS.items():
        # The picture goes the other way than the camera.
        axis, side = (0, -down) if down else (1, -right)
        outwards = side * _STEEP * readings[:, axis]
        gate = 2 * _OPEN * opening[pan] + _OPEN * opening["zoom in"] + outwards
        pans.append(_Map(rows.of(pan), _closed(gate), _PAIRS["pan"]))
        alike = rows.of("zoom out") & (side * rows.place[:, axis] < -1)
        gate = _OPEN * opening["zoom out"] - outwards
        inwards.append(_Map(rows.of(pan) | alike, _closed(gate), _PAIRS["zoom out"]))
    hold, grey = (2 * _OPEN * opening[wish] for wish in ("hold", GREY))
    always = torch.zeros_like(hold)
    always[-1] = _ALWAYS
    return [
        *pans,
        *inwards,
        _Map(rows.of("hold"), _closed(hold), _PAIRS["hold"]),
        _Map(rows.of(GREY), _closed(grey), _PAIRS["grey"]),
        _Map(rows.frames > 0, always, _PAIRS["always"]),
    ]


def _closed(gate: Tensor) -> Tensor:
    """Return a gate that is closed unless the given one opens it."""
    shut = gate.clone()
    shut[-1] -= _OPEN
    return shut


def _ridge_of_places(rows: Rows) -> Tensor:
    """Return weights (inputs + 1, 2) that read the place; clips of every length count alike."""
    share = torch.ones(len(rows.frames))
    for length in torch.unique(rows.frames):
        some = rows.frames == length
        share[some] = 1 / some.float().mean().sqrt()
    near = rows.place.clamp(-_FARTHEST, _FARTHEST)
    return _ridge(rows.given, near, _PLACE_RIDGE, share=share)


def _pairs(rows: Rows, one: _Map) -> Tensor:
    """Return units (2 * pairs, inputs + 1), bias last, that see the best map of some tokens."""
    some = one.tokens if one.tokens.any() else rows.frames > 0
    given, lacking = rows.given[some], rows.lacking[some]
    wanted = _ridge(given, lacking, _RIDGE)[:-1]
    shown = (given @ wanted) * importance().sqrt()
    _, _, basis = torch.linalg.svd(shown - shown.mean(dim=0), full_matrices=False)
    directions = wanted @ (importance().sqrt().unsqueeze(1) * basis[: one.pairs].T)
    spread, mean = torch.std_mean(given @ directions, dim=0)
    size = _SIZE / spread.clamp(min=1e-6)
    directions, mean = directions * size, mean * size
    gate = one.gate
    both = [
        torch.cat([(sign * directions).T + gate[:-1], (gate[-1] - sign * mean).unsqueeze(1)], dim=1)
        for sign in (1, -1)
    ]
    return torch.cat(both)


def _ridge(x: Tensor, y: Tensor, penalty: float, *, share: Tensor | None = None) -> Tensor:
    """Return weights (inputs + 1, outputs), bias last; the penalty is one of each variance.

    Args:
        x: Inputs, a row each.
        y: Outputs.
        penalty: Share of each input's variance.
        share: How much each row counts.
    """
    x = F.pad(x, (0, 1), value=1.0)
    counted = x if share is None else x * share.unsqueeze(1)
    squares = (counted.T @ x).double()
    penalties = penalty * squares.diagonal()
    penalties[-1] = 0.0
    squares = squares + torch.diag(penalties) + 1e-6 * len(x) * torch.eye(len(squares))
    weights: Tensor = torch.linalg.solve(squares, (counted.T @ y).double()).float()
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
