"""Weights from disk or the Hub through diffusers' own loaders: one path for every checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTXVideoTransformer3DModel,
)
from diffusers.pipelines.ltx.modeling_latent_upsampler import LTXLatentUpsamplerModel
from safetensors import SafetensorError
from transformers import T5EncoderModel, T5TokenizerFast

from ltxv.checkpoints import Checkpoint, Component, Source
from ltxv.errors import LTXError, Misconfigured
from ltxv.model.holes import refuse_holes
from ltxv.model.sound_weights import check_folder, check_header, quiet

_SCHEDULE = {"use_dynamic_shifting": False, "shift": 1.0, "shift_terminal": None}
"""What a checkpoint's scheduler must say for the linear-quadratic table to be its own."""

_CLASSES: dict[Component, Any] = {
    "transformer": LTXVideoTransformer3DModel,
    "vae": AutoencoderKLLTXVideo,
    "text_encoder": T5EncoderModel,
    "latent_upsampler": LTXLatentUpsamplerModel,
}


def load_component(
    checkpoint: Checkpoint, component: Component, *, dtype: torch.dtype
) -> torch.nn.Module:
    """Return one model of a checkpoint on the CPU, ready to run.

    Raises:
        Misconfigured: a file is missing, damaged, incomplete or a pickle.
    """
    source = checkpoint.upsampler if component == "latent_upsampler" else checkpoint.components
    with _named(checkpoint, component, source):
        if component == "transformer" and checkpoint.transformer_file is not None:
            return _from_file(checkpoint, dtype)
        _check_component(source, component)
        model, info = _CLASSES[component].from_pretrained(
            source.location,
            subfolder=component,
            revision=source.revision,
            torch_dtype=dtype,
            use_safetensors=True,
            output_loading_info=True,
        )
        refuse_holes(info)
    return _still(model)


def load_tokenizer(checkpoint: Checkpoint) -> Any:
    """Return the tokenizer of a checkpoint's text encoder.

    Raises:
        Misconfigured: its files are missing or damaged.
    """
    source = checkpoint.components
    with _named(checkpoint, "tokenizer", source):
        tokenizer = T5TokenizerFast.from_pretrained(
            source.location, subfolder="tokenizer", revision=source.revision
        )
        if tokenizer.unk_token_id in tokenizer("a").input_ids:
            raise Misconfigured(
                "it knows no letters, which is what transformers makes of missing or unreadable "
                "files; it needs tokenizer.json or spiece.model"
            )
        return tokenizer


def check_scheduler(checkpoint: Checkpoint) -> None:
    """Refuse a checkpoint whose scheduler would bend the sigmas that a plan lists.

    Raises:
        Misconfigured: the scheduler's configuration is missing or another than expected.
    """
    source = checkpoint.components
    with _named(checkpoint, "scheduler", source):
        found = FlowMatchEulerDiscreteScheduler.from_pretrained(
            source.location, subfolder="scheduler", revision=source.revision
        ).config
        wrong = {key: found[key] for key, want in _SCHEDULE.items() if found[key] != want}
        if wrong:
            raise Misconfigured(
                f"its scheduler has {wrong}, and this model family needs {_SCHEDULE}; "
                "use a 0.9.7 or 0.9.8 checkpoint"
            )


def _from_file(checkpoint: Checkpoint, dtype: torch.dtype) -> torch.nn.Module:
    source = checkpoint.components
    file = Path(str(checkpoint.transformer_file))
    check_header(file)
    try:
        model = LTXVideoTransformer3DModel.from_single_file(
            str(file),
            config=source.location,
            subfolder="transformer",
            revision=source.revision,
            torch_dtype=dtype,
        )
    except NotImplementedError as fault:  # diffusers copies weights that it was not given
        raise Misconfigured(
            f"{file} lacks weights that the transformer of {source.location} has; it belongs "
            "to another model or is incomplete"
        ) from fault
    return _still(model)


def _still(model: Any) -> torch.nn.Module:
    frozen: torch.nn.Module = model.eval().requires_grad_(False)
    return frozen


def _check_component(source: Source, component: Component) -> None:
    if source.folder is not None:
        check_folder(source.folder / component)


@contextmanager
def _named(checkpoint: Checkpoint, component: Component, source: Source) -> Iterator[None]:
    """Say of every fault which part of which checkpoint it is and what to do."""
    where = f"checkpoint {checkpoint.name}: {component}"
    try:
        with quiet():
            yield
    except LTXError as fault:
        raise Misconfigured(f"{where}: {fault}") from fault
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as fault:
        reason = str(fault).strip().split("\n", 1)[0].split(". ", 1)[0] or type(fault).__name__
        raise Misconfigured(
            f"{where} cannot be loaded from {source.location}: {reason}; "
            "check the path, the revision and the network"
        ) from fault
