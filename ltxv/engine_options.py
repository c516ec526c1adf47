"""How an engine runs its model: what costs memory or saves time, not what is generated."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ltxv.device import cpu_threads, device_class
from ltxv.frozen import Frozen


class EngineOptions(Frozen):
    """Levers of one engine; the defaults are right for a GPU that holds the whole model.

    The sizes are those of the 13B checkpoints in bfloat16: transformer 26.1 GB, text encoder
    9.5 GB, VAE 2.5 GB, upsampler 0.3 GB.
    """

    offload: Literal["none", "model", "group"] = Field(
        default="none",
        description="none: all weights stay on the GPU (40 GB and more). model: one model at a "
        "time (32 GB). group: the transformer block by block (12 GB, slower).",
    )
    threads: int | None = Field(
        default=None, ge=1, description="CPU threads of PyTorch; all cores where it is not set."
    )
    attention_backend: str | None = Field(
        default=None,
        description="A diffusers attention backend for self-attention, such as _native_cudnn or "
        "_flash_3_hub. Cross-attention always has a mask and stays with PyTorch's own.",
    )
    compile: bool = Field(
        default=False, description="Compile the transformer's repeated block; a slow first run."
    )
    channels_last: bool | None = Field(
        default=None,
        description="Lay the VAE's weights out channels last. Where it is not set: on a CPU, "
        "where it decodes a fifth faster; not on a GPU, where it has to be measured first.",
    )
    fp8: bool = Field(
        default=False,
        description="Multiply the transformer's matrices in 8 bits; needs torchao and an "
        "NVIDIA GPU of compute capability 8.9 or newer. It changes the pictures a little.",
    )

    def threads_on(self, device: str) -> int | None:
        """Return how many CPU threads the model runs on; None on a GPU."""
        return None if device_class(device) == "cuda" else self.threads or cpu_threads()

    def levers_on(self, device: str) -> tuple[str, ...]:
        """Return the levers that change the last digits of what the model makes."""
        usual = device_class(device) == "cpu"
        laid_out = usual if self.channels_last is None else self.channels_last
        pulled = {
            f"attention_backend={self.attention_backend}": self.attention_backend is not None,
            "compile": self.compile,
            f"channels_last={laid_out}": laid_out != usual,
            "fp8": self.fp8,
        }
        return tuple(name for name, is_pulled in pulled.items() if is_pulled)
