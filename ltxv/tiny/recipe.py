"""The tiny checkpoint, made from a seed: the 13B's classes and geometry with small widths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTXVideoTransformer3DModel,
)
from diffusers.pipelines.ltx.modeling_latent_upsampler import LTXLatentUpsamplerModel
from transformers import T5Config, T5EncoderModel, T5TokenizerFast

from ltxv.tiny.patterns import random_clips

SEED = 20250514
LATENT_CHANNELS = 128
TEXT_CHANNELS = 32

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?'\"()-"
_CLASSES = {
    "transformer": ["diffusers", "LTXVideoTransformer3DModel"],
    "vae": ["diffusers", "AutoencoderKLLTXVideo"],
    "text_encoder": ["transformers", "T5EncoderModel"],
    "tokenizer": ["transformers", "T5TokenizerFast"],
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
}


def write_checkpoint(folder: Path, *, seed: int = SEED) -> None:
    """Write every part of the checkpoint into ``folder``, in diffusers' layout and bfloat16."""
    torch.manual_seed(seed)
    parts = {
        "transformer": transformer(),
        "vae": vae(),
        "text_encoder": text_encoder(),
        "latent_upsampler": upsampler(),
    }
    for name, model in parts.items():
        model.to(torch.bfloat16).save_pretrained(folder / name)
    tokenizer().save_pretrained(folder / "tokenizer")
    FlowMatchEulerDiscreteScheduler().save_pretrained(folder / "scheduler")
    index = {"_class_name": "LTXConditionPipeline", **_CLASSES}
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


def transformer() -> LTXVideoTransformer3DModel:
    """Return a transformer of two blocks with four heads."""
    return LTXVideoTransformer3DModel(
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        num_attention_heads=4,
        attention_head_dim=24,
        cross_attention_dim=96,
        num_layers=2,
        caption_channels=TEXT_CHANNELS,
    )


def vae() -> AutoencoderKLLTXVideo:
    """Return an autoencoder of 32x32x8 pixels a latent, its statistics taken from patterns."""
    model = AutoencoderKLLTXVideo(
        latent_channels=LATENT_CHANNELS,
        block_out_channels=(8, 8, 8, 8, 8),
        down_block_types=("LTXVideo095DownBlock3D",) * 4,
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_block_out_channels=(8, 16, 32),
        decoder_layers_per_block=(1, 1, 1, 1),
        spatio_temporal_scaling=(True, True, True, True),
        decoder_spatio_temporal_scaling=(True, True, True),
        decoder_inject_noise=(False, False, False, False),
        downsample_type=("spatial", "temporal", "spatiotemporal", "spatiotemporal"),
        upsample_residual=(True, True, True),
        upsample_factor=(2, 2, 2),
        timestep_conditioning=True,
        patch_size=4,
        spatial_compression_ratio=32,
        temporal_compression_ratio=8,
    ).eval()
    with torch.no_grad():
        model.decoder.conv_out.conv.weight.mul_(4.0)
        latents = model.encode(random_clips(8, frames=9, size=96)).latent_dist.mode()
        std, mean = torch.std_mean(latents, dim=(0, 2, 3, 4))
        model.latents_mean.copy_(mean)
        model.latents_std.copy_(std)
    return model


def upsampler() -> LTXLatentUpsamplerModel:
    """Return a latent upsampler of one block on each side."""
    return LTXLatentUpsamplerModel(
        in_channels=LATENT_CHANNELS, mid_channels=32, num_blocks_per_stage=1, dims=3
    )


def text_encoder() -> T5EncoderModel:
    """Return a T5 encoder of two layers."""
    return T5EncoderModel(
        T5Config(
            d_model=TEXT_CHANNELS,
            d_ff=64,
            d_kv=8,
            num_heads=4,
            num_layers=2,
            vocab_size=len(_vocabulary()),
            feed_forward_proj="gated-gelu",
        )
    )


def tokenizer() -> Any:
    """Return a tokenizer of single letters that needs no file from anywhere."""
    return T5TokenizerFast(vocab=_vocabulary(), extra_ids=0)


def _vocabulary() -> list[tuple[str, float]]:
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    return special + [(letter, -3.0) for letter in _LETTERS]
