"""LoRA files with small damages: read or refused, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from ltxv.errors import Refused
from ltxv.lora_file import read_lora_keys
from tests.fuzz.mutations import mutations

LOC = ("loras", 0, "path")
LAYER = "transformer.transformer_blocks.0.attn1.to_q"
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = st.one_of(
    st.text(max_size=30),
    st.sampled_from([f"{LAYER}.lora_A.weight", f"{LAYER}.lora_B.weight", f"{LAYER}.alpha"]),
    st.sampled_from(["__metadata__", ".lora_A.weight", "lora_te.alpha", "transformer."]),
)
TENSOR = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "BF16", "I64", "F8_E4M3", "X"]),
        "shape": st.lists(st.integers(-1, 2**62), max_size=3),
        "data_offsets": st.lists(st.integers(-1, 2**62), max_size=3),
    }
)


def lora() -> bytes:
    """Return a LoRA for two layers."""
    tensors = {}
    for layer in (LAYER, LAYER.replace("to_q", "to_k")):
        tensors |= {f"{layer}.lora_A.weight": np.ones((2, 8), np.float32)}
        tensors |= {f"{layer}.lora_B.weight": np.ones((8, 2), np.float32)}
        tensors |= {f"{layer}.alpha": np.ones((), np.float32)}
    return save(tensors, metadata={"format": "pt"})


def read(content: bytes, file: Path) -> bool:
    """Say whether a file was read; if not, it was refused in a few words."""
    file.write_bytes(content)
    try:
        return bool(read_lora_keys(file, loc=LOC))
    except Refused as error:
        refused = error
    said = json.dumps(refused.detail, allow_nan=False)
    assert len(said) < 5000
    assert str(file.parent) not in said
    str(refused).encode()
    return False


@pytest.mark.parametrize("count", [600, pytest.param(50_000, marks=pytest.mark.slow)])
def test_a_damaged_file_is_read_or_refused(count: int, scratch: Path) -> None:
    """Bits, lengths and ends of a real file are changed."""
    content = lora()
    header = 8 + int.from_bytes(content[:8], "little")
    results = [
        read(damaged, scratch / "lora.safetensors")
        for damaged in mutations(content, count=count, head=header)
    ]
    assert any(results)
    assert not all(results)
    assert read(content, scratch / "lora.safetensors")


@settings(max_examples=300)
@given(header=st.one_of(JSON, st.dictionaries(NAMES, st.one_of(TENSOR, JSON), max_size=5)))
@example(header={"x" * 100_000: {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}})
@example(header={"\x1b[31m\n": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}})
def test_any_header_is_read_or_refused(header: object, scratch: Path) -> None:
    """Whatever JSON stands where the tensors are listed."""
    text = json.dumps(header).encode()
    content = len(text).to_bytes(8, "little") + text + b"\0" * 64
    read(content, scratch / "lora.safetensors")


@pytest.mark.parametrize("length", [0, 1, 2**31, 2**63, 2**64 - 1])
@pytest.mark.parametrize("after", [b"", b"{}", b"{" * 1000, b"\xff" * 100])
def test_any_length_of_a_header_is_refused(length: int, after: bytes, scratch: Path) -> None:
    """A header that says it is larger than the file costs no memory."""
    assert not read(length.to_bytes(8, "little") + after, scratch / "lora.safetensors")
