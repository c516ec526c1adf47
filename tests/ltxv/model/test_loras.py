"""LoRAs on the transformer itself."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from ltxv.checkpoints import find_checkpoint
from ltxv.engine import LoRA
from ltxv.engine_options import EngineOptions
from ltxv.errors import Misconfigured, Refused
from ltxv.model.loras import LoRAs
from ltxv.model.models import Models

LAYER = "transformer_blocks.0.attn1.{}"


@pytest.fixture(scope="module")
def transformer():
    models = Models(
        find_checkpoint("tiny"), device="cpu", dtype=torch.float32, options=EngineOptions()
    )
    with models.use("transformer") as loaded:
        yield loaded


def write(file, down, up, *, layer="norm_q", form=("lora_A.weight", "lora_B.weight"), **more):
    prefix = f"diffusion_model.{LAYER.format(layer)}"
    save_file({f"{prefix}.{form[0]}": down, f"{prefix}.{form[1]}": up, **more}, file)
    return file


def planned(*scales):
    return [LoRA(sha256=str(n), scale=scale, position=n) for n, scale in enumerate(scales)]


@torch.inference_mode()
def test_loras_add_up_and_leave_no_trace(transformer, tmp_path):
    """A layer has scale * alpha / rank * up @ down of each LoRA on top, and nothing afterwards."""
    layer = transformer.get_submodule(LAYER.format("to_q"))
    noise = torch.Generator().manual_seed(0)
    pairs = [
        (torch.randn(r, 384, generator=noise), torch.randn(384, r, generator=noise)) for r in (2, 4)
    ]
    alpha = {f"diffusion_model.{LAYER.format('to_q')}.alpha": torch.tensor(8.0)}
    files = [
        write(tmp_path / "0", *pairs[0], layer="to_q"),
        write(
            tmp_path / "1",
            *pairs[1],
            layer="to_q",
            form=("lora_down.weight", "lora_up.weight"),
            **alpha,
        ),
    ]
    pixels = torch.randn(3, 384, generator=noise)
    plain = layer(pixels)
    added = 0.5 * pairs[0][1] @ pairs[0][0] + 0.25 * 8 / 4 * pairs[1][1] @ pairs[1][0]
    with LoRAs(EngineOptions()).on(transformer, planned(0.5, 0.25), files):
        inside = transformer.get_submodule(LAYER.format("to_q"))(pixels)
    torch.testing.assert_close(inside, plain + pixels @ added.T, rtol=1e-4, atol=1e-3)
    assert torch.equal(transformer.get_submodule(LAYER.format("to_q"))(pixels), plain)
    assert not [name for name, _ in transformer.named_modules() if "lora" in name]


def test_only_the_last_few_are_kept(transformer, tmp_path):
    """Memory for LoRAs is bounded: the one used longest ago goes."""
    loras = LoRAs(EngineOptions(), kept=2)
    for lora in planned(1, 1, 1):
        file = write(tmp_path / lora.sha256, torch.ones(1, 384), torch.ones(384, 1), layer="to_q")
        with loras.on(transformer, [lora], [file]):
            continue
    assert loras.known == ("1", "2")


def test_numbers_that_are_not_finite_are_refused(transformer, tmp_path):
    """A damaged LoRA is the caller's, and is found before a step is paid for."""
    file = write(tmp_path / "a", torch.full((1, 384), torch.nan), torch.ones(384, 1), layer="to_q")
    with (
        pytest.raises(Refused, match="not finite"),
        LoRAs(EngineOptions()).on(transformer, planned(1), [file]),
    ):
        pass


def test_options_that_rewrite_layers_do_not_take_loras(transformer):
    """A clash is named instead of running without the LoRA."""
    with (
        pytest.raises(Misconfigured, match="option compile"),
        LoRAs(EngineOptions(compile=True)).on(transformer, planned(1), ["a"]),
    ):
        pass
