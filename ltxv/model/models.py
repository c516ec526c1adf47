"""The loaded models of one engine, and where each of them lives while it is not used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch

from ltxv.checkpoints import Checkpoint, Component
from ltxv.engine_options import EngineOptions
from ltxv.errors import Misconfigured
from ltxv.model.latents import Statistics
from ltxv.model.levers import offload_by_groups, tune_transformer, tune_vae
from ltxv.model.loading import check_scheduler, load_component, load_tokenizer
from ltxv.model.loras import LoRAs


class Models:
    """The parts of a checkpoint, each loaded when it is first used and then kept.

    With ``offload`` set, weights wait in main memory and only the model in use is on the GPU.
    """

    def __init__(
        self, checkpoint: Checkpoint, *, device: str, dtype: torch.dtype, options: EngineOptions
    ) -> None:
        self.checkpoint = checkpoint
        self.device = device
        self.dtype = dtype
        self.options = options
        self.loras = LoRAs(options)
        self._loaded: dict[Component, Any] = {}

    @property
    def loaded(self) -> dict[str, int]:
        """The models loaded so far and the bytes of their weights."""
        return {
            name: sum(weight.nbytes for weight in model.parameters())
            for name, model in dict(self._loaded).items()
        }

    @contextmanager
    def use(self, component: Component) -> Iterator[Any]:
        """Yield a model on the engine's device.

        Raises:
            Misconfigured: its weights cannot be loaded or an option does not fit it.
        """
        if component not in self._loaded:
            with torch.inference_mode(mode=False):  # hooks and quantisation change weights later
                self._loaded[component] = self._load(component)
        model = self._loaded[component]
        if not self._moves(component):
            yield model
            return
        try:
            yield model.to(self.device)
        finally:
            model.to("cpu")
            torch.cuda.empty_cache()

    @cached_property
    def tokenizer(self) -> Any:
        """The text encoder's tokenizer."""
        return load_tokenizer(self.checkpoint)

    @cached_property
    def statistics(self) -> Statistics:
        """Mean and deviation of the VAE's latents, on the engine's device."""
        with self.use("vae") as vae:
            mean, std = (
                buffer.to(self.device, torch.float32, copy=True).view(1, -1, 1, 1, 1)
                for buffer in (vae.latents_mean, vae.latents_std)
            )
        return Statistics(mean, std)

    def _moves(self, component: Component) -> bool:
        grouped = self.options.offload == "group" and component == "transformer"
        return self.options.offload != "none" and not grouped

    def _load(self, component: Component) -> Any:
        if component == "transformer":
            check_scheduler(self.checkpoint)
        model = load_component(self.checkpoint, component, dtype=self.dtype)
        if component == "vae":
            tune_vae(model, self.options, device=self.device)
        if not self._moves(component) and self.options.offload == "none":
            model = model.to(self.device)
        if component == "transformer":
            tune_transformer(model, self.options, device=self.device)
            if self.options.offload == "group":
                offload_by_groups(model, device=self.device)
        return model


def check_device(device: str, options: EngineOptions) -> None:
    """Refuse a device that this machine lacks and options that do not fit the device.

    Raises:
        Misconfigured: there is no such GPU, or an option needs one.
    """
    if device == "cpu":
        for option, wanted in (("offload", options.offload != "none"), ("fp8", options.fp8)):
            if wanted:
                raise Misconfigured(
                    f"{option}={getattr(options, option)} needs a GPU, and the device is cpu; "
                    f"leave {option} out or choose a CUDA device"
                )
        return
    index = int(device.partition(":")[2] or 0)
    if index >= torch.cuda.device_count():
        raise Misconfigured(
            f"device {device} was asked for and PyTorch {torch.__version__} sees "
            f"{torch.cuda.device_count()} CUDA GPUs; choose cpu, or install the CUDA build of "
            "PyTorch and a driver"
        )
