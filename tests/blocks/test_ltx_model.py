"""The model block: which weights, without loading them."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect.testing.standard_test_suites import BlockStandardTestSuite

from blocks.ltx_model import LTXModel
from ltxv.engine import PromptWork
from ltxv.engine_options import EngineOptions
from ltxv.errors import Misconfigured
from ltxv.estimate import LTXV_13B


class TestLTXModel(BlockStandardTestSuite):
    """Prefect's own demands on a block."""

    @pytest.fixture
    def block(self) -> type[LTXModel]:
        """Return the block under test."""
        return LTXModel

    def test_has_a_valid_image(self, block: type[LTXModel]) -> None:
        """Prefect's version downloads the logo; here it is enough that there is an address."""
        assert str(block._logo_url).startswith("https://")


def on_cpu(**fields: object) -> LTXModel:
    """Return a block that runs on the CPU."""
    return LTXModel.model_validate({"device": "cpu", **fields})


def test_the_default_on_a_cpu_is_the_embedded_checkpoint() -> None:
    """Without a GPU `auto` runs `tiny` in float32; with one it is the endpoint's model in bf16."""
    identity = on_cpu().identity
    assert (identity.checkpoint, identity.dtype, identity.device) == ("tiny", "float32", "cpu")
    gpu = LTXModel(device="cuda:1").identity
    assert (gpu.checkpoint, gpu.dtype, gpu.device) == (
        "ltxv-13b-0.9.7-distilled",
        "bfloat16",
        "cuda",
    )


def test_options_do_not_change_what_is_made() -> None:
    """Offload and threads are how, not what: the identity, and so the cache, stays."""
    assert on_cpu(options=EngineOptions(threads=1)).identity == on_cpu().identity


def test_an_engine_is_loaded_once_in_a_process() -> None:
    """Equal blocks share an engine; other options are another one; it serves the identity."""
    options = EngineOptions(threads=1)
    model = on_cpu(options=options)
    engine = model.engine()
    assert on_cpu(options=options).engine() is engine
    assert engine.encode_prompt(PromptWork(model=model.identity, text="a cat"))


def test_the_shape_is_read_off_the_files() -> None:
    """Estimates know the embedded checkpoint's own sizes, and take the rest for the 13B."""
    tiny = on_cpu(checkpoint="tiny").shape
    assert tiny.weight_bytes < 30e6
    assert tiny.token_parameters < LTXV_13B.token_parameters / 1000
    assert on_cpu(checkpoint="ltxv-13b-0.9.7-dev").shape == LTXV_13B


@pytest.mark.parametrize("field", [{"checkpoint": "no-such-model"}, {"device": "tpu"}])
def test_what_does_not_exist_is_named(field: dict[str, str]) -> None:
    """A wrong name is the operator's error, with the known names in it."""
    with pytest.raises(Misconfigured):
        _ = on_cpu(**field).identity


def test_a_broken_folder_is_named(tmp_path: Path) -> None:
    """A folder whose transformer has no readable sizes cannot be estimated."""
    (tmp_path / "transformer").mkdir()
    (tmp_path / "transformer" / "config.json").write_text("{}")
    with pytest.raises(Misconfigured, match=r"config\.json"):
        _ = on_cpu(checkpoint=str(tmp_path)).shape
