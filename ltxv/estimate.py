"""What a plan costs, worked out from the sizes alone: floating-point work, GPU time and memory.

The formulas reproduce counts of the true 13B architecture (tests hold them to the published
figures). Time assumes an H200 in bf16; memory assumes everything resident and nothing tiled.
"""

from __future__ import annotations

from typing import NamedTuple

from pydantic import Field

from ltxv.frozen import Frozen

PEAK_FLOPS = 989e12
"""Dense bf16 rate of an H200 SXM, the vendor's figure without sparsity."""
ATTAINED = 0.5
"""Share of it assumed: 41 % is implied by the model's own README, 60 % by a compiled pipeline."""

_TEXT_TOKENS = 256
_BF16 = 2


class ModelShape(Frozen):
    """The sizes of a model that decide its cost."""

    layers: int = Field(description="Blocks of the transformer.")
    width: int = Field(description="Channels of its hidden state.")
    token_parameters: float = Field(description="Parameters that every video token passes.")
    text_parameters: float = Field(description="Parameters that only text tokens pass.")
    prompt_flops: float = Field(description="Work of the text encoder on 256 tokens.")
    decode_flops: float = Field(description="Work of the VAE's decoder per pixel and frame.")
    encode_flops: float = Field(description="Work of its encoder per pixel and frame.")
    upsample_flops: float = Field(description="Work of the latent upsampler per output pixel.")
    weight_bytes: float = Field(description="All weights, as loaded.")
    decode_bytes: float = Field(description="Memory of the decoder per pixel and frame.")


_PIXELS_720P = 1664 * 960 * 121

LTXV_13B = ModelShape(
    layers=48,
    width=4096,
    token_parameters=11.27e9,
    text_parameters=1.77e9,
    prompt_flops=2.4e12,
    decode_flops=244.6e12 / _PIXELS_720P,
    encode_flops=568e12 / _PIXELS_720P,
    upsample_flops=3.8e12 / _PIXELS_720P,
    weight_bytes=38.4e9,
    # 128 channels at a quarter of each side in bf16, and five such tensors alive at once.
    decode_bytes=5 * 128 * _BF16 / 16,
)
"""LTX-Video 0.9.7 13B with T5-XXL, its VAE and its upsampler."""


class Estimate(Frozen):
    """What a plan is expected to cost."""

    tflops: float = Field(description="Floating-point work in all, in 10^12 operations.")
    gpu_seconds: float = Field(description="Seconds on one H200 in bf16, weights loaded.")
    gpu_memory_gib: float = Field(description="Peak GPU memory, weights included, in GiB.")


class PassLoad(Frozen):
    """How much one pass has to do."""

    forwards: int
    tokens: int = Field(description="Video tokens of one forward, extra ones included.")
    item_pixels: int = Field(description="Pixels of conditioning media to encode, all frames.")


class StageFlops(NamedTuple):
    """Floating-point work of each GPU stage."""

    encode_prompt: float
    first_pass: float
    second_pass: float
    decode: float

    @property
    def seconds(self) -> StageFlops:
        """The same as seconds on one H200."""
        return StageFlops(*(flops / (PEAK_FLOPS * ATTAINED) for flops in self))


def stage_flops(
    first: PassLoad, second: PassLoad, *, decoded_pixels: int, shape: ModelShape = LTXV_13B
) -> StageFlops:
    """Return what each stage has to compute; the latents' upsampling belongs to the second pass."""
    first_flops, second_flops = (
        load.forwards * forward_flops(load.tokens, shape=shape)
        + load.item_pixels * shape.encode_flops
        for load in (first, second)
    )
    return StageFlops(
        encode_prompt=shape.prompt_flops,
        first_pass=first_flops,
        second_pass=second_flops + decoded_pixels * shape.upsample_flops,
        decode=decoded_pixels * shape.decode_flops,
    )


def estimate(
    first: PassLoad, second: PassLoad, *, decoded_pixels: int, shape: ModelShape = LTXV_13B
) -> Estimate:
    """Return the cost of both passes and the decode of ``decoded_pixels`` pixels, all frames."""
    flops = sum(stage_flops(first, second, decoded_pixels=decoded_pixels, shape=shape))
    memory = shape.weight_bytes + max(
        _forward_bytes(second.tokens, shape), decoded_pixels * shape.decode_bytes
    )
    return Estimate(
        tflops=round(flops / 1e12, 3),
        gpu_seconds=round(flops / (PEAK_FLOPS * ATTAINED), 3),
        gpu_memory_gib=round(memory / 2**30, 2),
    )


def forward_flops(tokens: int, *, shape: ModelShape = LTXV_13B) -> float:
    """Return the work of one forward of the transformer over ``tokens`` video tokens."""
    linear = 2 * (shape.token_parameters * tokens + shape.text_parameters * _TEXT_TOKENS)
    attended = tokens * (tokens + _TEXT_TOKENS)
    return linear + 4 * attended * shape.width * shape.layers


def _forward_bytes(tokens: int, shape: ModelShape) -> float:
    """Per token: six modulations, the hidden state, queries, keys, values and a feed-forward."""
    return tokens * 20 * shape.width * _BF16
