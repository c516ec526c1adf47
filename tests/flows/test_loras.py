"""LoRAs by the flow's own door, made for the tiny checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from blocks.local_media import with_local_media
from blocks.media_store import MediaStore
from blocks.saved import saved
from flows.generate import generate_video
from ltxv.errors import Refused
from tests.flows.conftest import House, small_request

WIDTH = 384
LAYER = "transformer_blocks.0.attn1.to_q"


def lora(
    file: Path, *, seed: int, form: str = "transformer.{}.lora_{}.weight", width: int = WIDTH
) -> str:
    """Write a LoRA of rank 4 for one layer of the tiny transformer, and return its path."""
    noise = torch.Generator().manual_seed(seed)
    save_file(
        {
            form.format(LAYER, "A"): torch.randn(4, width, generator=noise) * 0.2,
            form.format(LAYER, "B"): torch.randn(width, 4, generator=noise) * 0.2,
        },
        file,
    )
    return str(file)


def latents(house: House, **fields: Any) -> dict[str, bytes]:
    """Run the flow and return what the passes left in the store that was not there before."""
    folder = house.root / "latents"
    before = set(folder.rglob("*.safetensors"))
    request = with_local_media(small_request(**fields), saved(MediaStore, house.store))
    generate_video(request, model=house.model, store=house.store, safety=house.safety)
    return {file.name: file.read_bytes() for file in set(folder.rglob("*.safetensors")) - before}


def test_a_lora_changes_its_own_request_and_no_other(
    new_house: Callable[..., House], tmp_path: Path
) -> None:
    """Two LoRAs differ from one, and a request without any is byte-equal after one with them."""
    first, second = (lora(tmp_path / f"{n}.safetensors", seed=n) for n in (1, 2))
    before, after = new_house(), new_house()
    plain = latents(before)
    one = latents(after, loras=[{"path": first}])
    two = latents(after, loras=[{"path": first}, {"path": second, "scale": 0.5}])
    assert len(plain) == len(one) == len(two) == 2
    assert latents(after) == plain
    assert len({*plain, *one, *two}) == len(plain) + len(one) + len(two)


def test_scale_0_changes_nothing(house: House, tmp_path: Path) -> None:
    """A LoRA of scale 0 shares every stage with the request that has none."""
    assert len(latents(house)) == 2
    path = lora(tmp_path / "a.safetensors", seed=1)
    assert latents(house, loras=[{"path": path, "scale": 0}]) == {}


def test_a_lora_counts_by_its_content(house: House, tmp_path: Path) -> None:
    """The same file by path, by file URL and in a folder shares every stage."""
    path = lora(tmp_path / "a.safetensors", seed=1)
    assert len(latents(house, loras=[{"path": path}])) == 2
    assert latents(house, loras=[{"path": Path(path).as_uri()}]) == {}
    in_folder = {"path": str(tmp_path), "weight_name": "a.safetensors"}
    assert latents(house, loras=[in_folder]) == {}


def test_a_lora_of_another_model_is_refused(house: House, tmp_path: Path) -> None:
    """The refusal names the layer and both shapes, and nothing is published."""
    path = lora(tmp_path / "a.safetensors", seed=1, width=100)
    with pytest.raises(Refused, match=r"loras\.0\.path: .* is 384x384 and the LoRA's is 100x100"):
        latents(house, loras=[{"path": path}])
    assert house.outputs == set()


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("lora_unet_{}.lora_{}.weight", "has no layer"),
        ("transformer.{}.dora_scale_{}", "is a DoRA"),
        ("text_encoder.{}.lora_{}.weight", "changes the text encoder"),
        ("transformer.{}.weird_{}", "has a weight of a form that is not known"),
    ],
)
def test_other_kinds_are_refused_by_name(
    house: House, tmp_path: Path, form: str, said: str
) -> None:
    """What cannot be added says so instead of being left out silently."""
    path = lora(tmp_path / "a.safetensors", seed=1, form=form)
    with pytest.raises(Refused, match=said):
        latents(house, loras=[{"path": path}])


def test_a_pickle_is_refused_unread(house: House, tmp_path: Path) -> None:
    """A file that is no safetensors is never unpickled."""
    file = tmp_path / "a.safetensors"
    torch.save({"x": torch.zeros(1)}, file)
    with pytest.raises(Refused, match="is not a whole safetensors file"):
        latents(house, loras=[{"path": str(file)}])
