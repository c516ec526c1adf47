"""Random weights of the true 13B architecture, made where they run: no download, no disk.

Small normal numbers, not zeros: zeros draw less power and let a GPU clock higher than real
weights do. Times and memory are those of the real model; pictures, and anything that depends on
the data, are not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers import AutoencoderKLLTXVideo, LTXVideoTransformer3DModel
from diffusers.pipelines.ltx.modeling_latent_upsampler import LTXLatentUpsamplerModel
from transformers import T5Config, T5EncoderModel

from ltxv.checkpoints import TINY, Checkpoint, Component

_STD = 0.02

TRUE_CONFIGS: Mapping[Component, Mapping[str, Any]] = {
    "transformer": {
        "in_channels": 128,
        "out_channels": 128,
        "num_attention_heads": 32,
        "attention_head_dim": 128,
        "cross_attention_dim": 4096,
        "num_layers": 48,
        "caption_channels": 4096,
    },
    "vae": {
        "latent_channels": 128,
        "block_out_channels": (128, 256, 512, 1024, 2048),
        "down_block_types": ("LTXVideo095DownBlock3D",) * 4,
        "layers_per_block": (4, 6, 6, 2, 2),
        "decoder_block_out_channels": (256, 512, 1024),
        "decoder_layers_per_block": (5, 5, 5, 5),
        "spatio_temporal_scaling": (True,) * 4,
        "decoder_spatio_temporal_scaling": (True,) * 3,
        "decoder_inject_noise": (False,) * 4,
        "downsample_type": ("spatial", "temporal", "spatiotemporal", "spatiotemporal"),
        "upsample_residual": (True,) * 3,
        "upsample_factor": (2, 2, 2),
        "timestep_conditioning": True,
        "patch_size": 4,
        "spatial_compression_ratio": 32,
        "temporal_compression_ratio": 8,
    },
    "text_encoder": {
        "d_model": 4096,
        "d_ff": 10240,
        "d_kv": 64,
        "num_heads": 64,
        "num_layers": 24,
        "vocab_size": 32128,
        "feed_forward_proj": "gated-gelu",
    },
    "latent_upsampler": {
        "in_channels": 128,
        "mid_channels": 512,
        "num_blocks_per_stage": 4,
        "dims": 3,
    },
}
"""LTX-Video 0.9.7 13B as diffusers' ``convert_ltx_to_diffusers.py`` lists it, and T5 v1.1 XXL."""

_CLASSES: dict[Component, Any] = {
    "transformer": LTXVideoTransformer3DModel,
    "vae": AutoencoderKLLTXVideo,
    "latent_upsampler": LTXLatentUpsamplerModel,
}


def tiny_configs() -> dict[Component, Mapping[str, Any]]:
    """Return the embedded checkpoint's sizes, to try the plumbing on a CPU."""
    return {
        name: {
            key: value
            for key, value in json.loads((TINY / name / "config.json").read_text()).items()
            if not key.startswith("_")
        }
        for name in TRUE_CONFIGS
    }


@dataclass
class RandomWeights:
    """Takes the place of the engine's loader and makes what it is asked for.

    ``made`` holds the models of the engine at work; ``forget`` lets go of them.
    """

    configs: Mapping[Component, Mapping[str, Any]]
    device: str
    made: dict[Component, torch.nn.Module] = field(default_factory=dict)

    def __call__(
        self,
        checkpoint: Checkpoint,  # noqa: ARG002 - the loader's signature
        component: Component,
        *,
        dtype: torch.dtype,
    ) -> torch.nn.Module:
        """Return a model with weights that are the same each time."""
        model = make(component, self.configs[component], device=self.device, dtype=dtype)
        self.made[component] = model
        return model

    def forget(self) -> None:
        """Let the memory of all models be used again."""
        self.made.clear()


def make(
    component: Component, config: Mapping[str, Any], *, device: str, dtype: torch.dtype
) -> torch.nn.Module:
    """Return a model whose matrices are small normal numbers, made on ``device`` in ``dtype``."""
    usual = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    torch.manual_seed(0)
    try:
        with torch.device(device):
            model: torch.nn.Module = (
                T5EncoderModel(T5Config(**config))
                if component == "text_encoder"
                else _CLASSES[component].from_config(dict(config))
            )
    finally:
        torch.set_default_dtype(usual)
    # Some scalars name float32 themselves; a loader casts them too.
    torch.nn.Module.to(model, dtype)
    model.eval().requires_grad_(requires_grad=False)
    for weight in model.parameters():
        if weight.ndim > 1:
            weight.normal_(std=_STD)
    return model
