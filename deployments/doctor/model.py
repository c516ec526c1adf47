"""PyTorch, the device, the checkpoint, and whether there is memory for it."""

from __future__ import annotations

import os

from blocks.ltx_model import LTXModel
from deployments.doctor.check import Finding, Findings
from deployments.doctor.house import House
from ltxv.device import resolve_device
from ltxv.estimate import PassLoad, estimate

_GIB = 2**30
# A request with all its defaults: 121 frames of 720p, 16:9.
_FIRST = PassLoad(forwards=7, tokens=6240, item_pixels=0)
_SECOND = PassLoad(forwards=3, tokens=24960, item_pixels=0)
_PIXELS = 1664 * 960 * 121
_OFFLOADED = {"model": 32e9 / _GIB, "group": 12e9 / _GIB}
"""What ``EngineOptions.offload`` says that the 13B checkpoints need."""


def check_model(house: House) -> Findings:
    """Find the device and the checkpoint without loading weights."""
    found = Findings()
    with found.of("torch", remedy="run `make install`"):
        import torch  # noqa: PLC0415 - heavy

        found.ok("torch", torch.__version__)
    with found.of("model", remedy="check the LTXModel block"):
        model = house.model_block()
        device = resolve_device(model.device)
        identity = model.identity
        found.ok("model", f"{identity.checkpoint}, {identity.revision[:12]}, {identity.dtype}")
        with found.of("memory", remedy="check the GPU's driver, or set the model's device to cpu"):
            found.append(_memory(model, device))
    return found


def _memory(model: LTXModel, device: str) -> Finding:
    cost = estimate(_FIRST, _SECOND, decoded_pixels=_PIXELS, shape=model.shape)
    offload = model.options.offload
    need = min(cost.gpu_memory_gib, _OFFLOADED.get(offload, cost.gpu_memory_gib))
    name, free, total = _gpu(device) if device != "cpu" else _ram()
    detail = f"{name}: {free:.1f} of {total:.1f} GiB free, a default request needs {need:.1f}"
    if need <= free:
        return Finding("memory", "ok", detail)
    remedy = (
        "end what else uses it, ask for fewer frames or a lower resolution, or set the model's "
        "option offload to model or group"
    )
    return Finding("memory", "warning" if need <= total else "failed", detail, remedy)


def _gpu(device: str) -> tuple[str, float, float]:
    import torch  # noqa: PLC0415 - heavy

    if not torch.cuda.is_available():
        raise RuntimeError(f"PyTorch {torch.__version__} sees no GPU, and the model asks for one")
    free, total = torch.cuda.mem_get_info(device)
    return torch.cuda.get_device_name(device), free / _GIB, total / _GIB


def _ram() -> tuple[str, float, float]:
    page = os.sysconf("SC_PAGE_SIZE") / _GIB
    return "cpu", os.sysconf("SC_AVPHYS_PAGES") * page, os.sysconf("SC_PHYS_PAGES") * page
