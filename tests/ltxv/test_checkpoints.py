import os
import shutil

import pytest

from ltxv.checkpoints import FOLDERS, TINY, find_checkpoint
from ltxv.errors import Misconfigured
from ltxv.file_digest import file_digest


def identity(checkpoint):
    return checkpoint.identity(dtype="float32", device="cpu")


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(TINY, tmp_path / "weights")


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """An empty cache of the Hub, laid out as huggingface_hub lays it out."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_tiny_is_the_default_and_comes_whole():
    """The embedded checkpoint has every part, its own upsampler among them."""
    checkpoint = find_checkpoint()
    assert checkpoint == find_checkpoint("tiny")
    assert checkpoint.components == checkpoint.upsampler
    assert all((checkpoint.components.folder / part).is_dir() for part in FOLDERS)


@pytest.mark.usefixtures("hub_cache")
@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("ltxv-13b-0.9.7-distilled", "Lightricks/LTX-Video-0.9.7-distilled"),
        ("ltxv-13b-0.9.7-dev", "Lightricks/LTX-Video-0.9.7-dev"),
        ("ltxv-13b-0.9.8-distilled", "Lightricks/LTX-Video-0.9.8-13B-distilled"),
        ("someone/their-finetune", "someone/their-finetune"),
    ],
)
def test_names_and_hub_ids_lead_to_repositories(name, repository):
    """The 13B names stand for Lightricks' repositories; any other id stands for itself."""
    checkpoint = find_checkpoint(name, "0a1b2c")
    assert (checkpoint.components.location, checkpoint.components.folder) == (repository, None)
    assert identity(checkpoint).checkpoint == name
    assert identity(checkpoint).revision.startswith("0a1b2c+upsampler:")


def test_a_branch_counts_as_the_commit_in_the_cache(hub_cache):
    """A branch that moves must not keep the cache key of what it was."""
    checkpoint = find_checkpoint("someone/finetune")
    before = identity(checkpoint).revision
    repository = hub_cache / "models--someone--finetune"
    snapshot = repository / "snapshots" / ("f" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "model_index.json").write_text("{}")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("f" * 40)
    assert before.startswith("main+")
    assert identity(checkpoint).revision.startswith("f" * 40)


def test_the_same_files_are_the_same_model_wherever_they_lie(folder):
    """The revision of a folder depends on its files and on nothing else."""
    assert identity(find_checkpoint(str(folder))).revision == identity(find_checkpoint()).revision


@pytest.mark.parametrize("part", ["vae", "transformer", "latent_upsampler"])
def test_another_weight_is_another_model(folder, part):
    """One changed byte anywhere changes the revision."""
    before = identity(find_checkpoint(str(folder)))
    file = next((folder / part).glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:-1] + b"\x7f")
    assert identity(find_checkpoint(str(folder))) != before


def test_dtype_and_device_class_are_part_of_the_identity():
    """Results of a GPU are not passed off as a CPU's; which GPU does not matter."""
    checkpoint = find_checkpoint()
    first, second, cpu = (
        checkpoint.identity(dtype="bfloat16", device=device)
        for device in ("cuda:0", "cuda:1", "cpu")
    )
    assert first == second
    assert first != cpu


def test_a_single_file_takes_its_other_parts_from_beside_it_or_from_the_hub(folder, tmp_path):
    """A transformer in one file needs a text encoder and a VAE from somewhere."""
    weights = (folder / "transformer" / "diffusion_pytorch_model.safetensors").read_bytes()
    beside, alone = folder / "mine.safetensors", tmp_path / "mine.safetensors"
    for file in (beside, alone):
        file.write_bytes(weights)
    assert find_checkpoint(str(beside)).components.folder == folder
    lone = find_checkpoint(str(alone), companion="someone/parts")
    assert lone.components.location == "someone/parts"
    assert lone.transformer_file == alone
    assert identity(lone).revision.startswith("main+upsampler:main+")


def test_the_folder_transformer_does_not_count_beside_a_single_file(folder):
    """Only weights that are used are part of the identity."""
    file = shutil.copy(
        folder / "transformer" / "diffusion_pytorch_model.safetensors", folder / "mine.safetensors"
    )
    before = identity(find_checkpoint(str(file))).revision
    (folder / "transformer" / "diffusion_pytorch_model.safetensors").unlink()
    assert identity(find_checkpoint(str(file))).revision == before


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ltxv-13b-0.9.7-distiled", "did you mean ltxv-13b-0.9.7-distilled?"),
        ("no-such-thing-at-all", "use one of tiny, "),
        ("./not/here/at/all", "a Hub id, or the path of a folder"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name, hint):
    """A typo is answered with what was probably meant."""
    with pytest.raises(Misconfigured) as refusal:
        find_checkpoint(name)
    assert name in str(refusal.value)
    assert hint in str(refusal.value)


@pytest.mark.parametrize("suffix", [".ckpt", ".pt", ".bin"])
def test_a_pickle_is_refused_before_it_is_opened(tmp_path, suffix):
    """Pickles run code; the message says what to do instead."""
    file = tmp_path / f"weights{suffix}"
    file.write_bytes(b"\x80\x04.")
    with pytest.raises(Misconfigured, match=r"is a pickle.*convert it to \.safetensors"):
        find_checkpoint(str(file))


def test_a_large_file_is_read_once(tmp_path, monkeypatch):
    """26 GB of weights are hashed when they are new, and not at every start."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("ltxv.file_digest._LARGE", 4)
    file = tmp_path / "large.safetensors"
    file.write_bytes(b"one large file")
    digest, stat = file_digest(file), file.stat()
    file.write_bytes(b"one other file")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert file_digest(file) == digest
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert file_digest(file) != digest


def test_a_read_only_home_costs_time_and_nothing_else(tmp_path, monkeypatch):
    """The note of a digest is a convenience."""
    (tmp_path / "cache").write_text("a file where the folder would be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("ltxv.file_digest._LARGE", 4)
    (tmp_path / "large.safetensors").write_bytes(b"one large file")
    assert len(file_digest(tmp_path / "large.safetensors")) == 64
