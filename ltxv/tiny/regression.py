"""Least squares for convolutions: fit a layer to targets instead of training it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own name
from torch import Tensor


@dataclass
class Moments:
    """Sums of products of inputs (with a constant last) and targets, over all rows seen."""

    inputs: Tensor | None = None
    targets: Tensor | None = None
    rows: int = 0

    def add(self, x: Tensor, y: Tensor) -> None:
        """Take rows of inputs (n, i) and targets (n, o)."""
        x = F.pad(x, (0, 1), value=1.0).double()
        inputs, targets = x.T @ x, x.T @ y.double()
        self.inputs = inputs if self.inputs is None else self.inputs + inputs
        self.targets = targets if self.targets is None else self.targets + targets
        self.rows += len(x)

    def solution(self, ridge: float) -> Tensor:
        """Return weights (i + 1, o) of the ridge regression; the last row is the bias."""
        if self.inputs is None or self.targets is None:
            raise ValueError("no rows were added")
        penalty = ridge * self.inputs.diagonal().mean() * torch.eye(len(self.inputs))
        penalty[-1, -1] = 0.0
        weights: Tensor = torch.linalg.solve(self.inputs + penalty, self.targets)
        return weights

    def components(self, ridge: float, rank: int) -> Tensor:
        """Return weights (i + 1, rank) of the ``rank`` best predictors of the targets.

        Reduced-rank regression: the principal components of what the inputs predict, each of
        deviation 1 and mean 0.
        """
        weights = self.solution(ridge)
        mean = self.inputs[-1, :-1] / self.rows if self.inputs is not None else weights.new_zeros(0)
        second = self.inputs[:-1, :-1] / self.rows if self.inputs is not None else weights
        covariance = second - torch.outer(mean, mean)
        root = torch.linalg.cholesky(covariance + 1e-8 * torch.eye(len(mean)))
        _, scale, basis = torch.linalg.svd(root.T @ weights[:-1], full_matrices=False)
        chosen = weights[:-1] @ basis[:rank].T / scale[:rank].clamp_min(1e-6)
        return torch.cat([chosen, -(mean @ chosen).unsqueeze(0)])


def neighbours(hidden: Tensor, taps: int) -> Tensor:
    """Return (rows, channels * taps) of (b, c, t, h, w): each place, or its 3x3 surroundings."""
    if taps == 1:
        return hidden.movedim(1, -1).flatten(0, 3)
    frames = hidden.transpose(1, 2).flatten(0, 1)
    columns = F.unfold(frames, kernel_size=3, padding=1)
    return columns.transpose(1, 2).flatten(0, 1)


def set_convolution(layer: Any, weights: Tensor, *, taps: int) -> None:
    """Give a 3x3x3 convolution the weights (c * taps + 1, o), at the present frame.

    The present is the last of three frames for a causal layer and the middle one otherwise.
    """
    convolution = layer.conv
    now = 2 if layer.is_causal else 1
    kernel = weights[:-1].T.float()
    convolution.weight.zero_()
    if taps == 1:
        convolution.weight[:, :, now, 1, 1] = kernel
    else:
        shape = (len(kernel), convolution.weight.shape[1], 3, 3)
        convolution.weight[:, :, now] = kernel.reshape(shape)
    convolution.bias.copy_(weights[-1].float())


def inputs_of(layer: torch.nn.Module, run: Callable[[Tensor], Any], batch: Tensor) -> Tensor:
    """Return what ``layer`` is given when ``run`` is called on ``batch``."""
    seen: list[Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _layer, given: seen.append(given[0]))
    try:
        run(batch)
    finally:
        hook.remove()
    return seen[0]


def collect(pairs: Iterable[tuple[Tensor, Tensor]]) -> Moments:
    """Return the moments of all rows of ``pairs``."""
    moments = Moments()
    for x, y in pairs:
        moments.add(x, y)
    return moments
