"""A language model from a folder, through the real loading code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from blocks.prompt_expander import PromptExpander
from ltxv.errors import Misconfigured, Transient
from ltxv.expansion import ExpansionWork
from tests.tiny_writer import TEMPLATE, WORDS, write_tiny_writer


def expander(folder: Path, **settings: object) -> PromptExpander:
    """Return a block that runs the model in a folder."""
    return PromptExpander.model_validate(
        {"backend": "transformers", "model": str(folder), **settings}
    )


def written(folder: Path, seed: int) -> str:
    """Return what the model in a folder makes of a cat."""
    return expander(folder).expand(ExpansionWork(text="a cat looks up", seed=seed)).text


@pytest.mark.parametrize(
    "template",
    [
        TEMPLATE,
        None,
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}a",
    ],
)
def test_a_folder_writes_a_prompt_out(tmp_path: Path, template: str | None) -> None:
    """With a chat template, without one, and with one that knows no system turn."""
    folder = write_tiny_writer(tmp_path / "writer", template=template)
    expansion = expander(folder).expand(ExpansionWork(text="a cat looks up", seed=1))
    assert expansion.by == "writer"
    assert set(expansion.text.split()) <= set(WORDS)


def test_the_seed_decides_and_nothing_else_is_touched(tmp_path: Path) -> None:
    """A seed always gives the same words, another one others; the process's own chance goes on."""
    folder = write_tiny_writer(tmp_path / "writer")
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = written(folder, 1)
    assert torch.equal(torch.get_rng_state(), state)
    assert written(folder, 2) != first
    assert written(folder, 1) == first


def test_identity_is_the_content_of_the_folder(tmp_path: Path) -> None:
    """A copy is the same writer; a changed file is another."""
    one, copy = (write_tiny_writer(tmp_path / place / "writer") for place in ("a", "b"))
    assert expander(one).identity == expander(copy).identity
    before = expander(copy).identity
    (copy / "generation_config.json").write_text(json.dumps({"eos_token_id": 1, "top_k": 2}))
    assert expander(copy).identity != before
    assert expander(one).identity == before


def test_a_model_without_an_end_and_one_without_time(tmp_path: Path) -> None:
    """What goes on for ever or takes too long is an error that says which."""
    folder = write_tiny_writer(tmp_path / "writer", ends=False)
    with pytest.raises(Misconfigured, match="past 256 tokens"):
        written(folder, 1)
    with pytest.raises(Transient, match="longer than"):
        expander(folder, timeout=0.001).expand(ExpansionWork(text="a cat", seed=1))


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    """Weights that may run code are refused unread, and the error says what to do."""
    folder = write_tiny_writer(tmp_path / "writer")
    weights = folder / "model.safetensors"
    weights.rename(folder / "pytorch_model.bin")
    with pytest.raises(Misconfigured, match="pickles are never loaded"):
        written(folder, 1)


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    """A file that was cut off is the operator's error, not a crash."""
    folder = write_tiny_writer(tmp_path / "writer")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(Misconfigured, match=r"model\.safetensors is damaged"):
        written(folder, 1)


def test_code_in_a_folder_is_not_run(tmp_path: Path) -> None:
    """A configuration that names classes of its own gets no further than an error."""
    folder = write_tiny_writer(tmp_path / "writer")
    ran = tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(ran)!r}, 'w')\n")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoModelForCausalLM": "evil.Evil"}}
    config["auto_map"]["AutoConfig"] = "evil.EvilConfig"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(Misconfigured):
        written(folder, 1)
    assert not ran.exists()
