"""A transformers image classifier as a judge of frames; its weights load at the first of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from ltxv.device import device_class, resolve_device
from ltxv.engine import Frames
from ltxv.frozen import digest_of
from ltxv.judge_weights import JudgeWeights

if TYPE_CHECKING:
    from ltxv.model.image_classifier import ImageClassifier

UNSAFE_LABELS = (
    "nsfw",
    "unsafe",
    "porn",
    "pornography",
    "hentai",
    "sexual",
    "explicit",
    "nudity",
    "gore",
    "violence",
)
"""Labels of well-known classifiers for what must not pass; ``sexy`` and ``drawings`` are not."""

_VERSION = 1
"""Counts up when the code comes to read the same weights in another way."""


class TransformersClassifier:
    """A ``FrameClassifier`` of any architecture that transformers knows for image classification.

    Args:
        weights: Where it is.
        unsafe_labels: Labels whose probabilities together are the score.
        device: Where it runs: auto, cpu, cuda or cuda:N.
    """

    def __init__(
        self, weights: JudgeWeights, *, unsafe_labels: Sequence[str], device: str = "cpu"
    ) -> None:
        self._weights = weights
        self._unsafe_labels = tuple(unsafe_labels)
        self._device = device
        self._loading = Lock()

    @property
    def identity(self) -> str:
        """Digest of the weights' identity and of all that decides a score besides."""
        decides = {
            "version": _VERSION,
            "weights": self._weights.identity,
            "unsafe": sorted(self._unsafe_labels),
            "device": device_class(resolve_device(self._device)),
        }
        return f"transformers classifier {digest_of(decides)[:16]}, {self._weights.identity}"

    def score(self, frames: Frames) -> list[float]:
        """Return the probability that each frame is unsafe."""
        with self._loading:
            model = self._model
        return model.score(frames)

    @cached_property
    def _model(self) -> ImageClassifier:
        from ltxv.model.image_classifier import ImageClassifier  # noqa: PLC0415 - heavy: torch

        return ImageClassifier(
            self._weights.fetch(),
            unsafe_labels=self._unsafe_labels,
            device=resolve_device(self._device),
        )
