"""Checkpoints with something wrong, each a copy of the tiny one that the test breaks."""

import json
import shutil
from pathlib import Path

import pytest
import sentencepiece
import torch
from safetensors.torch import load, load_file, save_file

from ltxv.checkpoints import TINY, find_checkpoint
from ltxv.errors import Misconfigured
from ltxv.model.loading import check_scheduler, load_component, load_tokenizer

WEIGHTS = "diffusion_pytorch_model.safetensors"
ORIGINAL_NAMES = (
    ("proj_in", "patchify_proj"),
    ("time_embed", "adaln_single"),
    ("norm_q", "q_norm"),
    ("norm_k", "k_norm"),
)


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(TINY, tmp_path / "weights")


def opened(folder, component):
    return load_component(find_checkpoint(str(folder)), component, dtype=torch.float32)


def rewritten(file, change):
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})


@pytest.mark.parametrize("component", ["transformer", "vae", "text_encoder", "latent_upsampler"])
def test_a_whole_checkpoint_loads_in_the_dtype_asked_for(folder, component):
    """Weights come as they are needed: still, without gradients, in one type."""
    model = opened(folder, component)
    weights = list(model.parameters())
    assert {weight.dtype for weight in weights} == {torch.float32}
    assert not any(weight.requires_grad for weight in weights)
    assert not model.training


@pytest.mark.parametrize(
    ("component", "name"),
    [("vae", WEIGHTS), ("text_encoder", "model.safetensors"), ("transformer", "config.json")],
)
def test_a_missing_file_is_named(folder, component, name):
    """The operator learns which file to copy."""
    (folder / component / name).unlink()
    with pytest.raises(Misconfigured, match=f"{folder.name}: {component}: .*{component}"):
        opened(folder, component)


@pytest.mark.parametrize("size", [4, 3000, -1])
@pytest.mark.parametrize(
    ("component", "name"), [("vae", WEIGHTS), ("text_encoder", "model.safetensors")]
)
def test_a_file_cut_short_is_damaged(folder, component, name, size):
    """A broken download is told from a wrong path."""
    file = folder / component / name
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(Misconfigured, match=f"{name} is damaged: .*; download it again"):
        opened(folder, component)


@pytest.mark.parametrize(
    ("component", "name"),
    [("vae", WEIGHTS), ("transformer", WEIGHTS), ("text_encoder", "model.safetensors")],
)
def test_weights_with_holes_are_refused_and_not_filled_with_noise(folder, component, name):
    """The loaders' own answer to a missing tensor is random numbers."""
    rewritten(folder / component / name, lambda tensors: tensors.pop(sorted(tensors)[3]))
    with pytest.raises(Misconfigured, match="1 missing keys, first "):
        opened(folder, component)


def test_weights_of_another_size_are_refused(folder):
    """A file of another model says which tensor does not fit."""
    key = "decoder.conv_in.conv.bias"
    rewritten(
        folder / "vae" / WEIGHTS, lambda tensors: tensors.update({key: tensors[key][:3].clone()})
    )
    with pytest.raises(Misconfigured, match=key):
        opened(folder, "vae")


def test_a_missing_shard_is_named(folder):
    """An index that names more files than there are is found before loading."""
    index = {"metadata": {}, "weight_map": {"a": WEIGHTS, "b": "model-00002-of-00002.safetensors"}}
    (folder / "vae" / f"{WEIGHTS}.index.json").write_text(json.dumps(index))
    with pytest.raises(Misconfigured, match=r"model-00002-of-00002\.safetensors is missing"):
        opened(folder, "vae")


def test_a_pickle_in_place_of_the_weights_is_never_loaded(folder):
    """A .bin beside a missing .safetensors is no way in."""
    (folder / "vae" / WEIGHTS).rename(folder / "vae" / "diffusion_pytorch_model.bin")
    with pytest.raises(Misconfigured, match="pickles are never loaded"):
        opened(folder, "vae")


@pytest.mark.parametrize(
    "change", [{"shift_terminal": 0.1}, {"use_dynamic_shifting": True}, {"shift": 3.0}]
)
def test_a_scheduler_that_bends_the_table_is_refused(folder, change):
    """The sigmas of a plan are exact only for the schedule they were made for."""
    file = folder / "scheduler" / "scheduler_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(Misconfigured, match=f"its scheduler has .*{next(iter(change))}"):
        check_scheduler(find_checkpoint(str(folder)))


def test_a_missing_tokenizer_is_not_replaced_by_an_empty_one(folder):
    """Transformers makes a tokenizer without letters where there are no files."""
    shutil.rmtree(folder / "tokenizer")
    with pytest.raises(Misconfigured, match=r"it needs tokenizer\.json or spiece\.model"):
        load_tokenizer(find_checkpoint(str(folder)))


def test_a_sentencepiece_tokenizer_reads_as_sentencepiece_does(folder):
    """The 13B checkpoints come with T5's own spiece.model and no tokenizer.json."""
    text = Path(folder.parent / "text.txt")
    text.write_text("a cat sits on a table and looks at the rain outside\n" * 50)
    shutil.rmtree(folder / "tokenizer")
    (folder / "tokenizer").mkdir()
    sentencepiece.SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(folder / "tokenizer" / "spiece"),
        vocab_size=24,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        pad_piece="<pad>",
        minloglevel=2,
    )
    (folder / "tokenizer" / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "T5Tokenizer", "extra_ids": 0})
    )
    original = sentencepiece.SentencePieceProcessor(str(folder / "tokenizer" / "spiece.model"))
    tokens = load_tokenizer(find_checkpoint(str(folder)))("a cat on the table").input_ids
    assert tokens == [*original.encode("a cat on the table"), original.eos_id()]


def single_file(folder, change=None):
    """Return a transformer in one file, its tensors under the names Lightricks gives them."""
    tensors = load((folder / "transformer" / WEIGHTS).read_bytes())
    for ours, theirs in ORIGINAL_NAMES:
        tensors = {key.replace(ours, theirs): value for key, value in tensors.items()}
    tensors = {f"model.diffusion_model.{key}": value for key, value in tensors.items()}
    if change is not None:
        change(tensors)
    save_file(tensors, folder / "mine.safetensors")
    return folder / "mine.safetensors"


def test_a_single_file_in_the_original_names_is_the_same_transformer(folder):
    """One file from Lightricks' own repository works like the folder."""
    whole = opened(folder, "transformer").state_dict()
    single = opened(single_file(folder), "transformer").state_dict()
    assert whole.keys() == single.keys()
    assert all(torch.equal(whole[key], single[key]) for key in whole)


def test_a_single_file_with_holes_is_refused(folder):
    """A part of a transformer is not run."""
    file = single_file(folder, lambda tensors: tensors.pop(sorted(tensors)[3]))
    with pytest.raises(Misconfigured, match=r"mine\.safetensors lacks weights"):
        opened(file, "transformer")


def test_a_single_file_that_is_none_is_damaged(folder):
    """Junk with the right suffix is told apart from weights."""
    (folder / "mine.safetensors").write_bytes(b"twelve bytes")
    with pytest.raises(Misconfigured, match=r"mine\.safetensors is damaged"):
        opened(folder / "mine.safetensors", "transformer")


def test_a_repository_that_cannot_be_reached_is_named(monkeypatch, tmp_path):
    """Without a network and a cache the message has the repository and the remedy."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Misconfigured, match=r"vae cannot be loaded from someone/else.*network"):
        load_component(find_checkpoint("someone/else"), "vae", dtype=torch.float32)
