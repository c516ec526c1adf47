"""The tiny checkpoint's latent upsampler: one ridge regression between two sizes of the same clips.

Its group norms would rescale every clip by its own contrast. One constant channel in each group,
far larger than the others, fixes the scale; an offset keeps the activation nearly linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own name
from diffusers.pipelines.ltx.modeling_latent_upsampler import LTXLatentUpsamplerModel
from torch import Tensor

from ltxv.tiny.autoencoder import LATENT_CHANNELS
from ltxv.tiny.regression import collect, inputs_of, neighbours

_GROUPS = 32
_DATA = LATENT_CHANNELS // _GROUPS
_GROUP = _DATA + 1
_CONSTANT = 20.0
_OFFSET = 4.0
_RIDGE = 3e-3


def upsampler(vae: Any, clips: Sequence[Tensor]) -> LTXLatentUpsamplerModel:
    """Return an upsampler fitted to the latents of clips and of the same clips at half size."""
    model = LTXLatentUpsamplerModel(
        in_channels=LATENT_CHANNELS, mid_channels=_GROUPS * _GROUP, num_blocks_per_stage=0, dims=2
    ).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        _open(model, vae)
        _close(model)
        _fit(model, vae, clips)
    return model


def _channel(latent: int) -> int:
    """Return where a latent channel lies among the groups."""
    return latent // _DATA * _GROUP + latent % _DATA


def _open(model: Any, vae: Any) -> None:
    """Bring every latent channel to deviation 1 and put a constant beside each four."""
    for latent in range(LATENT_CHANNELS):
        mean, std = vae.latents_mean[latent], vae.latents_std[latent]
        model.initial_conv.weight[_channel(latent), latent, 1, 1] = 1 / std
        model.initial_conv.bias[_channel(latent)] = -mean / std
    model.initial_conv.bias[_DATA::_GROUP] = _CONSTANT
    spread = _CONSTANT * _DATA**0.5 / _GROUP
    model.initial_norm.weight.fill_(spread)
    model.initial_norm.bias.fill_(_OFFSET + _CONSTANT / _GROUP)


def _close(model: Any) -> None:
    for latent in range(LATENT_CHANNELS):
        model.final_conv.weight[latent, latent, 1, 1] = 1.0


def _fit(model: Any, vae: Any, clips: Sequence[Tensor]) -> None:
    layer = model.upsampler[0]
    pairs = []
    for clip in clips:
        large = vae.encode(clip).latent_dist.mode()
        small = vae.encode(F.avg_pool3d(clip, (1, 2, 2))).latent_dist.mode()
        features = inputs_of(layer, model, small).unsqueeze(2)
        frames = large.transpose(1, 2).flatten(0, 1)
        wanted = F.pixel_unshuffle(frames, 2).movedim(1, -1).flatten(0, 2)
        pairs.append((neighbours(features, 9), wanted))
    weights = collect(pairs).solution(_RIDGE).float()
    rows = 4 * LATENT_CHANNELS
    layer.weight[:rows] = weights[:-1].T.reshape(rows, -1, 3, 3)
    layer.bias[:rows] = weights[-1]
