"""Judges of a few kilobytes with random weights, in the files that real ones come in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorPil

LABELS = ("normal", "nsfw")
SIDE = 32


def write_classifier(
    folder: Path,
    *,
    leaning: Sequence[float] = (0, 0),
    labels: Sequence[str] = LABELS,
    problem_type: str | None = None,
    seed: int = 0,
) -> str:
    """Write a ViT whose head leans towards some labels, and return its folder's path.

    Args:
        folder: Where to.
        leaning: Bias of each label; 20 more than the others makes it certain.
        labels: Their names.
        problem_type: As transformers calls it.
        seed: Of the weights.
    """
    torch.manual_seed(seed)
    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=SIDE,
        patch_size=8,
        num_labels=len(labels),
        problem_type=problem_type,
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )
    model = ViTForImageClassification(config)
    with torch.no_grad():
        model.classifier.weight.normal_(std=0.5)
        model.classifier.bias.copy_(torch.tensor(leaning, dtype=torch.float32))
    model.save_pretrained(folder)
    ViTImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return str(folder)
