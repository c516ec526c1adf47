"""The two passes, each from what it starts with to normalised latents (1, C, T, H, W)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from ltxv.engine import FirstPassWork, Frames, OnStep, PassWork, SecondPassWork
from ltxv.errors import Misconfigured
from ltxv.geometry import TEMPORAL
from ltxv.model.conditioning import Condition, encode_pixels, place, sized
from ltxv.model.denoise import Prompt, denoise
from ltxv.model.latents import Grid, unpack
from ltxv.model.models import Models
from ltxv.model.noise import Noise
from ltxv.model.upsample import noised, upsample


def first_pass(
    models: Models,
    work: FirstPassWork,
    *,
    prompt: Prompt,
    items: Sequence[Frames],
    noise: Noise,
    on_step: OnStep,
    loras: Sequence[Path] = (),
) -> Tensor:
    """Return the low-resolution latents, from noise."""
    start = _starting_noise(models, work, noise)
    return _refined(
        models,
        work,
        start,
        prompt=prompt,
        items=items,
        noise=noise,
        on_step=on_step,
        loras=loras,
    )


def second_pass(
    models: Models,
    work: SecondPassWork,
    latents: Tensor,
    *,
    prompt: Prompt,
    items: Sequence[Frames],
    noise: Noise,
    on_step: OnStep,
    loras: Sequence[Path] = (),
) -> Tensor:
    """Return the full-resolution latents, from the first pass's."""
    _check_doubling(work, latents)
    with models.use("latent_upsampler") as upsampler:
        raised = upsample(
            upsampler, latents, statistics=models.statistics, adain_factor=work.adain_factor
        )
    start = noised(raised, _starting_noise(models, work, noise), work.sigmas[0])
    return _refined(
        models,
        work,
        start,
        prompt=prompt,
        items=items,
        noise=noise,
        on_step=on_step,
        loras=loras,
    )


def _starting_noise(models: Models, work: PassWork, noise: Noise) -> Tensor:
    grid = Grid.of(work)
    channels = models.statistics.mean.numel()
    return unpack(noise.draw(1, grid.tokens, channels).to(models.device), grid)


def _refined(
    models: Models,
    work: PassWork,
    start: Tensor,
    *,
    prompt: Prompt,
    items: Sequence[Frames],
    noise: Noise,
    on_step: OnStep,
    loras: Sequence[Path],
) -> Tensor:
    conditions = _encoded(models, work, items)
    tokens = place(start, conditions, frame_rate=work.frame_rate, noise=noise)
    with (
        models.use("transformer") as transformer,
        models.loras.on(transformer, work.loras, loras),
    ):
        denoised = denoise(
            transformer,
            tokens,
            sigmas=work.sigmas,
            prompt=prompt,
            noise=noise,
            image_cond_noise_scale=work.image_cond_noise_scale,
            on_step=on_step,
        )
    return unpack(denoised, Grid.of(work))


def _encoded(models: Models, work: PassWork, items: Sequence[Frames]) -> list[Condition]:
    """Return the conditions of a pass, resized from their source for this pass's size."""
    if not items:
        return []
    with models.use("vae") as vae:
        return [
            Condition(
                placement,
                encode_pixels(
                    vae,
                    sized(
                        item,
                        padding=work.padding,
                        width=work.width,
                        height=work.height,
                        device=models.device,
                    ),
                    models.statistics,
                ),
            )
            for placement, item in zip(work.placements, items, strict=True)
        ]


def _check_doubling(work: SecondPassWork, latents: Tensor) -> None:
    grid = Grid.of(work)
    _, _, frames, height, width = latents.shape
    if (frames, 2 * height, 2 * width) != (grid.frames, grid.height, grid.width):
        raise Misconfigured(
            f"the second pass was planned at {work.width}x{work.height} with {work.frames} frames, "
            f"and the first pass's latents double to {64 * width}x{64 * height} with "
            f"{TEMPORAL * (frames - 1) + 1}; plan both passes together"
        )
