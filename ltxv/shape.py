"""The sizes of a checkpoint's model, read off its files without loading them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from ltxv.checkpoints import Checkpoint
from ltxv.errors import Misconfigured
from ltxv.estimate import LTXV_13B, ModelShape

_VAE_13B_BYTES = 1246.9e6 * 2
_T5_XXL_BYTES = 4.7623e9 * 2


def shape_of(checkpoint: Checkpoint) -> ModelShape:
    """Return the sizes of a local folder's model; every other checkpoint is taken for the 13B.

    The transformer's are exact: 14 matrices of width squared a layer for each video token, 2 for
    text. The VAE's and the text encoder's work is scaled from the 13B's by the size of their files.

    Raises:
        Misconfigured: A file is missing or unreadable.
    """
    folder = checkpoint.components.folder
    if folder is None or checkpoint.transformer_file is not None:
        return LTXV_13B
    try:
        config = json.loads((folder / "transformer" / "config.json").read_text())
        return _scaled(config, folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Misconfigured(
            f"checkpoint {checkpoint.name}: transformer/config.json cannot be read ({error!r}); "
            "restore the folder"
        ) from error


def _scaled(config: dict[str, Any], folder: Path) -> ModelShape:
    layers = int(config["num_layers"])
    width = int(config["num_attention_heads"]) * int(config["attention_head_dim"])
    vae = _weights(folder / "vae") / _VAE_13B_BYTES
    return ModelShape(
        layers=layers,
        width=width,
        token_parameters=14 * width**2 * layers,
        text_parameters=2 * width**2 * layers,
        prompt_flops=LTXV_13B.prompt_flops * _weights(folder / "text_encoder") / _T5_XXL_BYTES,
        decode_flops=LTXV_13B.decode_flops * vae,
        encode_flops=LTXV_13B.encode_flops * vae,
        upsample_flops=LTXV_13B.upsample_flops * vae,
        weight_bytes=_weights(folder),
        decode_bytes=LTXV_13B.decode_bytes * math.sqrt(vae),  # parameters grow as channels squared
    )


def _weights(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*.safetensors"))
