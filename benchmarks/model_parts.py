"""Time the model's parts in whoever runs them, by their classes.

Both sides of a comparison use diffusers' model classes, so both are timed, and their forwards
counted, at the very same places.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from diffusers import AutoencoderKLLTXVideo, LTXVideoTransformer3DModel
from diffusers.video_processor import VideoProcessor

from benchmarks.stopwatch import Stopwatch

FORWARD, VAE_DECODE, PICTURES = "forward", "vae_decode", "pictures"

_TIMED = (
    (LTXVideoTransformer3DModel, "forward", FORWARD),
    (AutoencoderKLLTXVideo, "decode", VAE_DECODE),
    (VideoProcessor, "postprocess_video", PICTURES),
)


@contextmanager
def model_parts_timed(watch: Stopwatch) -> Iterator[None]:
    """Write every forward, VAE decode and making of PIL pictures inside to ``watch``."""
    with ExitStack() as stack:
        for owner, method, name in _TIMED:
            timed = watch.timing(name, getattr(owner, method))
            stack.enter_context(patch.object(owner, method, timed))
        yield
