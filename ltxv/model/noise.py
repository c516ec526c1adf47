"""The one stream of Gaussian noise that runs through both passes and the decoding."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from ltxv.errors import Misconfigured


class Noise(Protocol):
    """What draws noise; a test may record or replay it."""

    def draw(self, *shape: int) -> Tensor:
        """Return the next standard normal numbers of the stream, float32, on the CPU."""


class NoiseSource:
    """A seeded stream of noise, drawn on the CPU so that every device sees the same numbers.

    The order of drawing is the reference's: the pass's start as tokens (1, T*H*W, C), each
    extra conditioning item as a clip (1, C, t, H, W), then once a step for all tokens.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator

    @classmethod
    def seeded(cls, seed: int) -> NoiseSource:
        """Start the stream that belongs to a seed."""
        return cls(torch.Generator().manual_seed(seed))

    @classmethod
    def resumed(cls, state: Tensor) -> NoiseSource:
        """Go on where ``state`` was taken.

        Raises:
            Misconfigured: ``state`` is not a generator's.
        """
        generator = torch.Generator()
        try:
            generator.set_state(state)
        except (RuntimeError, TypeError) as fault:
            raise Misconfigured(
                f"the latents carry a noise state of {state.numel()} bytes that PyTorch "
                f"{torch.__version__} does not take; run the first pass again"
            ) from fault
        return cls(generator)

    @property
    def state(self) -> Tensor:
        """Where the stream stands: a uint8 tensor for ``resumed``."""
        return self._generator.get_state()

    def draw(self, *shape: int) -> Tensor:
        """Return the next standard normal numbers of the stream, float32, on the CPU."""
        return torch.randn(shape, generator=self._generator)
