"""The tiny checkpoint's VAE, built layer by layer with least squares on synthetic clips.

Every layer is linear but the two closing norms and activations. A constant offset on their
input keeps the norm from destroying magnitude and the activation nearly linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own name
from diffusers import AutoencoderKLLTXVideo
from torch import Tensor

from ltxv.tiny.regression import collect, inputs_of, neighbours, set_convolution

LATENT_CHANNELS = 128

_PATCH = 4
_OFFSET = 6.0
_CODE_SIZE = 0.8
_RIDGE = 1e-5
_NOISE = 0.1
"""Noise on the latents the decoder is fitted to: what it will be given is not clean either."""


def vae(clips: Sequence[Tensor]) -> AutoencoderKLLTXVideo:
    """Return an autoencoder of 32x32x8 pixels a latent, fitted to batches of clips."""
    model = AutoencoderKLLTXVideo(
        latent_channels=LATENT_CHANNELS,
        block_out_channels=(16, 64, 128, 256, 256),
        down_block_types=("LTXVideo095DownBlock3D",) * 4,
        layers_per_block=(0, 0, 0, 0, 0),
        decoder_block_out_channels=(32, 32, 128),
        decoder_layers_per_block=(0, 0, 0, 0),
        spatio_temporal_scaling=(True, True, True, True),
        decoder_spatio_temporal_scaling=(True, True, True),
        decoder_inject_noise=(False, False, False, False),
        downsample_type=("spatial", "temporal", "spatiotemporal", "spatiotemporal"),
        upsample_residual=(True, True, True),
        upsample_factor=(1, 1, 4),
        timestep_conditioning=True,
        patch_size=_PATCH,
        spatial_compression_ratio=32,
        temporal_compression_ratio=8,
    ).eval()
    with torch.no_grad():
        _fit_encoder(model.encoder, clips)
        _set_statistics(model, clips)
        _fit_decoder(model, clips)
    return model


def cells(clip: Tensor, *, side: int, frames: int) -> Tensor:
    """Return the pixels that each place of a coarser grid covers: (b, n, t, h, w).

    The first frame stands for a whole cell of frames, as in the causal encoder.
    """
    return _split(clip, side=side, frames=frames).permute(0, 1, 3, 7, 5, 2, 4, 6).flatten(1, 4)


def _split(clip: Tensor, *, side: int, frames: int) -> Tensor:
    """Return (b, c, t, frames, h, side, w, side), the first frame repeated to fill its cell."""
    early = clip[:, :, :1].expand(-1, -1, frames - 1, -1, -1)
    whole = torch.cat([early, clip], dim=2)
    batch, channels, long, high, wide = whole.shape
    return whole.reshape(
        batch, channels, long // frames, frames, high // side, side, wide // side, side
    )


def _rows(hidden: Tensor) -> Tensor:
    return neighbours(hidden, 1)


def _halved(clip: Tensor) -> Tensor:
    return F.avg_pool3d(clip, (1, 2, 2))


def _fit_encoder(encoder: Any, clips: Sequence[Tensor]) -> None:
    """Fit the convolutions that compress; the two in between pass everything on."""
    patches = [_rows(cells(clip, side=_PATCH, frames=1)) for clip in clips]
    best = collect((part, part) for part in patches).components(_RIDGE, 16)
    set_convolution(encoder.conv_in, best, taps=1)
    for block in encoder.down_blocks[:2]:
        set_convolution(block.downsamplers[0].conv, _nothing(block.downsamplers[0].conv), taps=1)
    for block, side, frames, offset in (
        (encoder.down_blocks[2], 4, 2, 0.0),
        (encoder.down_blocks[3], 8, 4, _OFFSET),
    ):
        layer = block.downsamplers[0].conv
        kept = collect(
            (
                _rows(inputs_of(layer, encoder, clip)[:, :, _repeated(block) :]),
                _rows(cells(_halved(clip), side=side, frames=frames)),
            )
            for clip in clips
        ).components(_RIDGE, layer.out_channels)
        kept *= _CODE_SIZE
        kept[-1] += offset
        set_convolution(layer, kept, taps=1)
    latents = collect(
        (
            _rows(inputs_of(encoder.conv_out, encoder, clip)),
            _rows(cells(F.avg_pool3d(clip, (1, 2, 2)), side=16, frames=8)),
        )
        for clip in clips
    ).components(_RIDGE, LATENT_CHANNELS)
    scale = torch.linspace(2.0, 0.5, LATENT_CHANNELS)  # so that normalising is not a no-op
    shift = torch.linspace(-0.5, 0.5, LATENT_CHANNELS)
    latents *= scale
    latents[-1] += shift
    silent = torch.zeros(len(latents), 1, dtype=latents.dtype)
    silent[-1] = -12.0  # the log variance
    set_convolution(encoder.conv_out, torch.cat([latents, silent], dim=1), taps=1)


def _repeated(block: Any) -> int:
    """Return how many copies of the first frame a downsampler puts before its clip."""
    return int(block.downsamplers[0].stride[0]) - 1


def _nothing(layer: Any) -> Tensor:
    return torch.zeros(layer.in_channels + 1, layer.out_channels)


def _set_statistics(model: Any, clips: Sequence[Tensor]) -> None:
    latents = torch.cat([model.encode(clip).latent_dist.mode().transpose(1, 2) for clip in clips])
    std, mean = torch.std_mean(latents.flatten(0, 1), dim=(0, 2, 3))
    model.latents_mean.copy_(mean)
    model.latents_std.copy_(std)


def _fit_decoder(model: Any, clips: Sequence[Tensor]) -> None:
    """Fit each upsampler to the principal components of the pixels below its places."""
    decoder = model.decoder
    std = model.latents_std.view(1, -1, 1, 1, 1)
    latents = [model.encode(clip).latent_dist.mode() for clip in clips]
    latents = [each + _NOISE * std * torch.randn_like(each) for each in latents]
    _silence_timesteps(decoder)
    bias = -(model.latents_mean / model.latents_std)
    centred = torch.cat([torch.diag(1 / model.latents_std), bias.unsqueeze(0)])
    set_convolution(decoder.conv_in, centred, taps=1)

    def run(latent: Tensor) -> None:
        decoder(latent, torch.full((len(latent),), 0.05))

    for block, side, frames, offset in zip(
        decoder.up_blocks, (8, 4, 4), (4, 2, 1), (0.0, 0.0, _OFFSET), strict=True
    ):
        layer = block.upsamplers[0].conv
        shrink = (lambda clip: clip) if frames == 1 else _halved
        codes = [cells(shrink(clip), side=side, frames=frames) for clip in clips]
        basis = collect((_rows(code), _rows(code)) for code in codes).components(_RIDGE, 32)
        pairs = []
        for latent, code in zip(latents, codes, strict=True):
            given = inputs_of(layer, run, latent)
            wanted = (_rows(code).double() @ basis[:-1] + basis[-1]).float() * _CODE_SIZE + offset
            fine = wanted.reshape(len(code), *code.shape[2:], -1).movedim(-1, 1)
            pairs.append((neighbours(given, 9), _rows(_gathered(fine) - _residual(given))))
        set_convolution(layer, collect(pairs).solution(_RIDGE), taps=9)
    pairs = [
        (
            neighbours(inputs_of(decoder.conv_out, run, latent), 9),
            _rows(cells(clip, side=_PATCH, frames=1)),
        )
        for latent, clip in zip(latents, clips, strict=True)
    ]
    set_convolution(decoder.conv_out, collect(pairs).solution(_RIDGE), taps=9)


def _gathered(fine: Tensor) -> Tensor:
    """Return (b, c * 8, t, h, w): what one place of the coarse grid must produce."""
    return _split(fine, side=2, frames=2).permute(0, 1, 3, 5, 7, 2, 4, 6).flatten(1, 4)


def _residual(given: Tensor) -> Tensor:
    """Return what the upsampler adds by itself, arranged as ``_gathered`` arranges."""
    return given.repeat(1, 256 // given.shape[1], 1, 1, 1)


def _silence_timesteps(decoder: Any) -> None:
    """Let the decoder ignore its timestep."""
    for name, weight in decoder.named_parameters():
        if "scale_shift_table" in name or "linear_2" in name:
            weight.zero_()
