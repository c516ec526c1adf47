"""LoRAs on the transformer for the length of one pass."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from ltxv.engine import LoRA
from ltxv.engine_options import EngineOptions
from ltxv.errors import Loc, Misconfigured
from ltxv.lora_file import read_lora_keys, refused

Weights = dict[str, tuple[Tensor, Tensor]]
"""For each module by diffusers' name: down (rank, in) and up (out, rank), alpha multiplied in."""

_KEPT = 4


class LoRAs:
    """Adds LoRAs to a transformer and takes them off again; keeps the last few in main memory."""

    def __init__(self, options: EngineOptions, *, kept: int = _KEPT) -> None:
        self._options = options
        self._kept = kept
        self._known: OrderedDict[str, Weights] = OrderedDict()

    @property
    def known(self) -> tuple[str, ...]:
        """Digests of the LoRAs in memory, the one used last at the end."""
        return tuple(self._known)

    @contextmanager
    def on(self, transformer: Any, loras: Sequence[LoRA], files: Sequence[Path]) -> Iterator[None]:
        """Add ``loras``, read from ``files``, while inside; afterwards the model is as before.

        Raises:
            Refused: One does not fit the transformer; nothing was added.
            Misconfigured: The engine's options do not go with LoRAs.
        """
        if len(loras) != len(files):
            raise Misconfigured(f"{len(loras)} LoRAs were planned and {len(files)} files given")
        if not loras:
            yield
            return
        self._check_options()
        weights = [
            self._fitting(transformer, lora, file, loc=("loras", lora.position, "path"))
            for lora, file in zip(loras, files, strict=True)
        ]
        with _adapters(transformer, weights, [lora.scale for lora in loras]):
            yield

    def _check_options(self) -> None:
        options = self._options
        clashes = {
            "compile": options.compile,
            "fp8": options.fp8,
            "offload=group": options.offload == "group",
        }
        for option, is_on in clashes.items():
            if is_on:
                raise Misconfigured(
                    f"LoRAs do not go with the engine's option {option}; leave it out of the "
                    "model's block"
                )

    def _fitting(self, transformer: Any, lora: LoRA, file: Path, *, loc: Loc) -> Weights:
        if lora.sha256 not in self._known:
            self._known[lora.sha256] = _read(file, loc=loc)
        self._known.move_to_end(lora.sha256)
        while len(self._known) > max(self._kept, 1):
            self._known.popitem(last=False)
        weights = self._known[lora.sha256]
        _check_fit(transformer, weights, loc)
        return weights


def _read(file: Path, *, loc: Loc) -> Weights:
    weights: Weights = {}
    with safe_open(file, framework="pt") as opened:
        for module, keys in read_lora_keys(file, loc=loc).items():
            down = opened.get_tensor(keys.parts["down"]).float()
            up = opened.get_tensor(keys.parts["up"]).float()
            if "alpha" in keys.parts:
                up = up * (opened.get_tensor(keys.parts["alpha"]).float().reshape(()) / len(down))
            if not (down.isfinite().all() and up.isfinite().all()):
                raise refused(loc, f"has numbers that are not finite in {module}")
            weights[module] = (down, up)
    return weights


def _check_fit(transformer: Any, weights: Weights, loc: Loc) -> None:
    modules = dict(transformer.named_modules())
    for name, (down, up) in weights.items():
        module = modules.get(name)
        if not isinstance(module, torch.nn.Linear):
            raise refused(
                loc,
                f"does not fit this model, which has no layer {name!r}; send one that was "
                "trained for it",
            )
        shape, fits = (len(up), down.shape[1]), (module.out_features, module.in_features)
        if shape != fits:
            raise refused(
                loc,
                f"does not fit this model: {name} is {fits[0]}x{fits[1]} and the LoRA's is "
                f"{shape[0]}x{shape[1]}; send one that was trained for it",
            )


@contextmanager
def _adapters(
    transformer: Any, weights: Sequence[Weights], scales: Sequence[float]
) -> Iterator[None]:
    names = [f"lora_{index}" for index in range(len(weights))]
    try:
        with torch.inference_mode(mode=False):
            for name, modules in zip(names, weights, strict=True):
                transformer.load_lora_adapter(_state(modules), prefix=None, adapter_name=name)
            transformer.set_adapters(names, list(scales))
        yield
    finally:
        if getattr(transformer, "peft_config", None):
            transformer.unload_lora()


def _state(modules: Weights) -> dict[str, Tensor]:
    """Return LoRA weights as diffusers takes them, copied: it may change what it is given."""
    state: dict[str, Tensor] = {}
    for module, (down, up) in modules.items():
        state[f"{module}.lora_A.weight"] = down.clone()
        state[f"{module}.lora_B.weight"] = up.clone()
    return state
