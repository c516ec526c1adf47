"""Tensors as safetensors bytes: what crosses the engine's border."""

from __future__ import annotations

from collections.abc import Mapping

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ltxv.errors import Misconfigured


def packed(tensors: Mapping[str, Tensor]) -> bytes:
    """Return tensors as safetensors bytes."""
    return save({name: tensor.contiguous().cpu() for name, tensor in tensors.items()})


def unpacked(payload: bytes, names: tuple[str, ...], *, what: str) -> tuple[Tensor, ...]:
    """Return the tensors called ``names``, on the CPU.

    Raises:
        Misconfigured: the bytes are not what this project's engines write.
    """
    try:
        tensors = load(payload)
        return tuple(tensors[name] for name in names)
    except (SafetensorError, KeyError) as fault:
        raise Misconfigured(
            f"the {what} ({len(payload)} bytes) are damaged: {fault}; run that stage again"
        ) from fault
