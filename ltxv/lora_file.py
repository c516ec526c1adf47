"""LoRA files as the common trainers write them, read without a tensor library.

A LoRA adds ``scale * alpha / rank * up @ down`` to a weight of the transformer. Trainers name the
same weights differently; what is understood:

- prefixes ``transformer.`` (diffusers), ``diffusion_model.`` (ComfyUI), ``base_model.model.``
  (PEFT) and none;
- ``lora_A`` and ``lora_B``, or ``lora_down`` and ``lora_up``, with ``alpha`` where it is kept;
- Lightricks' own module names beside diffusers'.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from safetensors import SafetensorError, safe_open

from ltxv.errors import Loc, Refused, shortened

Part = Literal["down", "up", "alpha"]

_PREFIX = re.compile(r"(?:base_model\.model\.)?(?:transformer\.|diffusion_model\.)?")
_ENDS: dict[str, Part] = {
    ".lora_A.weight": "down",
    ".lora_B.weight": "up",
    ".lora_A.default.weight": "down",
    ".lora_B.default.weight": "up",
    ".lora_down.weight": "down",
    ".lora_up.weight": "up",
    ".alpha": "alpha",
}
_RENAMED = {"patchify_proj": "proj_in", "adaln_single": "time_embed"}
"""Lightricks' names of modules, and diffusers' (its ``convert_ltx_to_diffusers.py``)."""
_NORMS = {"q_norm": "norm_q", "k_norm": "norm_k"}
_OTHER_KINDS = {
    "dora_scale": "DoRA",
    "lora_magnitude_vector": "DoRA",
    "hada_": "LoHa",
    "lokr_": "LoKr",
    "oft_": "OFT",
    "lora_mid": "LoCon with a middle matrix",
}
_MATRIX = 2


@dataclass
class LoRAKeys:
    """Names in the file of what is added to one module."""

    parts: dict[Part, str] = field(default_factory=dict)


def read_lora_keys(file: Path, *, loc: Loc) -> dict[str, LoRAKeys]:
    """Return, for each module of the transformer by diffusers' name, where its matrices are.

    Args:
        file: A safetensors file; nothing in it is ever unpickled.
        loc: Field of the request, for errors.

    Raises:
        Refused: It is no safetensors file, or holds what is no LoRA for this transformer.
    """
    try:
        with safe_open(file, framework="numpy") as opened:
            shapes = {key: opened.get_slice(key).get_shape() for key in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise refused(
            loc, "is not a whole safetensors file; send one, as no other kind is read"
        ) from error
    modules: dict[str, LoRAKeys] = {}
    for key in shapes:
        module, part = _place(key, loc)
        parts = modules.setdefault(module, LoRAKeys()).parts
        if part in parts:
            raise refused(loc, f"has two weights for the same place: {shortened(key)}")
        parts[part] = key
    if not modules:
        raise refused(loc, "has no weights in it")
    for module, keys in modules.items():
        _check_pair(module, keys, shapes, loc)
    return modules


def refused(loc: Loc, reason: str, *, type: str = "invalid_archive") -> Refused:
    """Return the refusal of a LoRA file."""
    return Refused.because(loc, f"the LoRA {reason}", type=type)


def _place(key: str, loc: Loc) -> tuple[str, Part]:
    for mark, kind in _OTHER_KINDS.items():
        if mark in key:
            raise refused(
                loc,
                f"is a {kind} ({shortened(key)}), which is not supported; send a plain LoRA",
                type="feature_not_supported",
            )
    if key.startswith(("text_encoder", "lora_te")):
        raise refused(
            loc,
            f"changes the text encoder ({shortened(key)}), which is not supported; train the "
            "transformer only",
            type="feature_not_supported",
        )
    for end, part in _ENDS.items():
        if key.endswith(end):
            return _module(key.removesuffix(end)), part
    raise refused(
        loc,
        f"has a weight of a form that is not known: {shortened(key)}; known are "
        "MODULE.lora_A.weight and .lora_B.weight, or .lora_down.weight and .lora_up.weight, with "
        "or without .alpha",
        type="feature_not_supported",
    )


def _module(name: str) -> str:
    parts = _PREFIX.sub("", name, count=1).split(".")
    parts[0] = _RENAMED.get(parts[0], parts[0])
    return ".".join(_NORMS.get(part, part) for part in parts)


def _check_pair(module: str, keys: LoRAKeys, shapes: dict[str, list[int]], loc: Loc) -> None:
    down, up = keys.parts.get("down"), keys.parts.get("up")
    if down is None or up is None:
        raise refused(loc, f"has only half of what it adds to {shortened(module)}")
    if len(shapes[down]) != _MATRIX or len(shapes[up]) != _MATRIX:
        raise refused(loc, f"adds something other than a matrix to {shortened(module)}")
    if shapes[down][0] != shapes[up][1]:
        raise refused(
            loc,
            f"has ranks {shapes[down][0]} and {shapes[up][1]} for {shortened(module)}, which "
            "must be equal",
        )
