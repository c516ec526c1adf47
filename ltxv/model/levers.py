"""What an engine's options do to loaded models."""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
from diffusers.models.attention_dispatch import attention_backend

from ltxv.engine_options import EngineOptions
from ltxv.errors import Misconfigured

_FP8_CAPABILITY = (8, 9)


def tune_vae(vae: Any, options: EngineOptions, *, device: str) -> None:
    """Apply the options that concern the VAE."""
    on = options.channels_last
    if device == "cpu" if on is None else on:
        vae.to(memory_format=torch.channels_last_3d)


def tune_transformer(transformer: Any, options: EngineOptions, *, device: str) -> None:
    """Apply the options that concern the transformer.

    Raises:
        Misconfigured: a library or a GPU that an option needs is missing.
    """
    if options.attention_backend is not None:
        _set_attention(transformer, options.attention_backend)
    if options.fp8:
        _quantise(transformer, device=device)
    if options.compile:
        transformer.compile_repeated_blocks(fullgraph=True)


def offload_by_groups(transformer: Any, *, device: str) -> None:
    """Keep the transformer in main memory and bring its blocks to the GPU as they are needed."""
    transformer.enable_group_offload(
        onload_device=torch.device(device),
        offload_device=torch.device("cpu"),
        offload_type="block_level",
        num_blocks_per_group=1,
        use_stream=True,
    )


def _set_attention(transformer: Any, backend: str) -> None:
    """Choose a backend for self-attention alone: most refuse the mask cross-attention has."""
    try:
        for block in transformer.transformer_blocks:
            block.attn1.set_attention_backend(backend)
        # Entered only for its check that the backend's library is there, which setting it module
        # by module leaves out.
        with attention_backend(backend):
            pass
    except (ValueError, ImportError, RuntimeError) as fault:
        raise Misconfigured(f"attention_backend={backend}: {fault}") from fault


def _quantise(transformer: Any, *, device: str) -> None:
    if importlib.util.find_spec("torchao") is None:
        raise Misconfigured("fp8 needs torchao, which is not installed: pip install torchao")
    capability = torch.cuda.get_device_capability(device)
    if capability < _FP8_CAPABILITY:
        raise Misconfigured(
            f"fp8 needs a GPU of compute capability 8.9 and {device} has "
            f"{capability[0]}.{capability[1]}; leave fp8 out"
        )
    quantization = importlib.import_module("torchao.quantization")
    quantization.quantize_(
        transformer.transformer_blocks,
        quantization.Float8DynamicActivationFloat8WeightConfig(),
    )
