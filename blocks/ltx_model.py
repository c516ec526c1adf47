"""Which weights run where, and with which levers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, ClassVar, Literal

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl

from blocks.remote_engine import engine_socket, remote_engine
from ltxv.checkpoints import Checkpoint, find_checkpoint
from ltxv.device import default_dtype, device_class, resolve_device
from ltxv.engine import Engine, ModelIdentity
from ltxv.engine_options import EngineOptions
from ltxv.estimate import ModelShape
from ltxv.shape import shape_of

if TYPE_CHECKING:
    from ltxv.model.local_engine import LocalEngine

_DEFAULT_CHECKPOINT = {"cuda": "ltxv-13b-0.9.7-distilled", "cpu": "tiny"}

_engines: dict[str, LocalEngine] = {}
_engines_lock = threading.Lock()


class LTXModel(Block):
    """Choose the checkpoint that makes videos, the device it runs on and its speed levers.

    Attributes:
        checkpoint: Name, Hub id, folder or file of the weights.
        revision: Commit of a Hub repository.
        device: Where the passes run.
        dtype: Precision of the weights.
        options: What costs memory or saves time.
        gpu_hour_price: What an hour of the device costs.

    Example:
        Find out what a model would run as:
        ```python
        from blocks.ltx_model import LTXModel

        model = LTXModel.load("BLOCK_NAME")
        print(model.identity)
        ```
    """

    _block_type_name: ClassVar[str | None] = "LTX Model"
    _block_type_slug: ClassVar[str | None] = "ltx-model"
    _logo_url: ClassVar[HttpUrl | None] = HttpUrl("https://github.com/Lightricks.png?size=200")
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl(
        "https://github.com/Lightricks/LTX-Video"
    )

    checkpoint: str = Field(
        default="auto",
        description="auto, tiny, ltxv-13b-0.9.7-distilled, ltxv-13b-0.9.7-dev, "
        "ltxv-13b-0.9.8-distilled, a Hub id, a folder or a .safetensors file. auto is "
        "ltxv-13b-0.9.7-distilled on a GPU and the embedded tiny on a CPU.",
    )
    revision: str | None = Field(
        default=None, description="Commit of the Hub repository; the known good one if left out."
    )
    device: str = Field(default="auto", description="auto, cpu, cuda or cuda:N.")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="auto is bfloat16 on a GPU and float32 on a CPU."
    )
    options: EngineOptions = Field(
        default_factory=EngineOptions, description="Memory and speed levers of the engine."
    )
    gpu_hour_price: float | None = Field(
        default=None,
        ge=0,
        description="What an hour of the device costs, in your currency; runs then say what they "
        "cost.",
    )

    @property
    def identity(self) -> ModelIdentity:
        """All that decides what the model makes, found out without loading weights.

        Raises:
            Misconfigured: There is no such checkpoint.
        """
        return self._found.identity(dtype=self._dtype, device=self._device, options=self.options)

    @property
    def weights(self) -> Checkpoint:
        """What is found under the checkpoint's name, not loaded.

        Raises:
            Misconfigured: There is no such checkpoint.
        """
        return self._found

    @property
    def shape(self) -> ModelShape:
        """The model's sizes, for estimates.

        Raises:
            Misconfigured: There is no such checkpoint.
        """
        return shape_of(self._found)

    def engine(self) -> Engine:
        """Return the engine that a worker put beside this process, or one of its own.

        The weights of the latter load at the first stage.
        """
        socket = engine_socket()
        if socket is not None:
            return remote_engine(socket)
        return self.local_engine()

    def local_engine(self) -> LocalEngine:
        """Return this process's own engine for the model.

        Raises:
            Misconfigured: The device is not there, or an option does not fit it.
        """
        key = f"{self._device} {self.options.digest} {self.identity.digest}"
        with _engines_lock:
            if key not in _engines:
                from ltxv.model.local_engine import LocalEngine  # noqa: PLC0415 - heavy: torch

                _engines[key] = LocalEngine(
                    self._found, device=self._device, dtype=self._dtype, options=self.options
                )
            return _engines[key]

    @property
    def _device(self) -> str:
        return resolve_device(self.device)

    @property
    def _dtype(self) -> Literal["float32", "bfloat16"]:
        return default_dtype(self._device) if self.dtype == "auto" else self.dtype

    @property
    def _found(self) -> Checkpoint:
        name = self.checkpoint
        if name == "auto":
            name = _DEFAULT_CHECKPOINT[device_class(self._device)]
        return find_checkpoint(name, revision=self.revision)
