"""An image classifier of the transformers library, loaded from a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import AutoImageProcessor, AutoModelForImageClassification

from ltxv.engine import Frames
from ltxv.errors import LTXError, Misconfigured
from ltxv.model.holes import refuse_holes

_BATCH = 16
_MULTI_LABEL = "multi_label_classification"


class ImageClassifier:
    """A model with the labels that count as unsafe."""

    def __init__(self, folder: Path, *, unsafe_labels: Sequence[str], device: str) -> None:
        """Load the weights.

        Args:
            folder: The checkpoint: configuration, preprocessor, safetensors.
            unsafe_labels: Names of labels, whatever their case.
            device: Where it runs.

        Raises:
            Misconfigured: It cannot be loaded, or has none of the labels.
        """
        try:
            # PIL: what torchvision would resize differs, and torchvision is not installed.
            self._processor: Any = AutoImageProcessor.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, backend="pil"
            )
            model, info = AutoModelForImageClassification.from_pretrained(
                folder,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
            )
            refuse_holes(info)
            self._model: Any = model.eval().requires_grad_(False).to(device)
        except LTXError as fault:
            raise Misconfigured(f"the image classifier in {folder}: {fault}") from fault
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as fault:
            reason = str(fault).strip().split("\n", 1)[0] or type(fault).__name__
            raise Misconfigured(
                f"the image classifier in {folder} cannot be loaded: {reason}; check the folder or "
                "the repository, and the device"
            ) from fault
        self._unsafe = _places(self._model.config.id2label, unsafe_labels)
        self._device = device

    def score(self, frames: Frames) -> list[float]:
        """Return the probability of the unsafe labels together for each frame.

        Where labels do not exclude each other, that of the likeliest.
        """
        scores: list[float] = []
        for start in range(0, len(frames), _BATCH):
            scores += self._scored(frames[start : start + _BATCH])
        return scores

    @torch.inference_mode()
    def _scored(self, frames: Frames) -> list[float]:
        pictures = [np.ascontiguousarray(frame) for frame in frames]
        inputs = self._processor(
            images=pictures, input_data_format="channels_last", return_tensors="pt"
        )
        logits = self._model(pixel_values=inputs["pixel_values"].to(self._device)).logits.float()
        if self._model.config.problem_type == _MULTI_LABEL:
            unsafe = logits.sigmoid()[:, self._unsafe].amax(dim=-1)
        else:
            unsafe = logits.softmax(dim=-1)[:, self._unsafe].sum(dim=-1)
        # A sum of rounded shares may be a hair above 1; not-a-number stays what it is.
        return [float(score) for score in unsafe.clamp(max=1).cpu()]


def _places(labels: dict[int, str], unsafe: Sequence[str]) -> list[int]:
    """Return the numbers of the unsafe labels.

    Raises:
        Misconfigured: There is no such label, or no other.
    """
    wanted = {label.strip().lower() for label in unsafe}
    found = [number for number, label in labels.items() if label.strip().lower() in wanted]
    if not found or len(found) == len(labels):
        known = "none" if not found else "all"
        raise Misconfigured(
            f"the image classifier's labels are {', '.join(labels.values())}, {known} of which are "
            "in unsafe_labels; name there those that are unsafe"
        )
    return found
