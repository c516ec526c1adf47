import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from ltxv.checkpoints import TINY, find_checkpoint
from ltxv.engine_options import EngineOptions
from ltxv.geometry import SPATIAL, TEMPORAL
from ltxv.model.models import Models


@pytest.fixture(scope="module")
def models():
    return Models(
        find_checkpoint("tiny"), device="cpu", dtype=torch.float32, options=EngineOptions()
    )


def test_it_is_small_and_has_no_pickle():
    """The checkpoint ships with the code: at most 24 MB, safetensors and JSON."""
    files = [path for path in TINY.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 24 * 2**20
    assert {path.suffix for path in files} == {".safetensors", ".json", ".md"}


def test_it_has_the_geometry_and_the_classes_of_the_13b(models):
    """What runs on it runs on the 13B: 32x32x8 pixels a latent and a timestep for the decoder."""
    with models.use("vae") as vae, models.use("transformer") as transformer:
        assert vae.spatial_compression_ratio == SPATIAL
        assert vae.temporal_compression_ratio == TEMPORAL
        assert vae.config.timestep_conditioning
        assert vae.config.latent_channels == transformer.config.in_channels == 128


@torch.inference_mode()
def test_a_clip_goes_through_the_vae_and_the_upsampler(models):
    """17 frames become 3 latents, twice as wide and high when upsampled, and frames again."""
    clip = torch.rand(1, 3, 17, 64, 96) * 2 - 1
    with models.use("vae") as vae, models.use("latent_upsampler") as upsampler:
        latents = vae.encode(clip).latent_dist.mode()
        raised = upsampler(latents)
        again = vae.decode(latents, torch.tensor([0.05])).sample
    assert latents.shape == (1, 128, 3, 2, 3)
    assert raised.shape == (1, 128, 3, 4, 6)
    assert again.shape == clip.shape
    assert again.isfinite().all()


def test_its_latents_have_statistics_of_their_own(models):
    """Mean 0 and deviation 1 would hide a forgotten normalisation."""
    mean, std = (part.flatten() for part in (models.statistics.mean, models.statistics.std))
    assert mean.abs().max() > 0.1
    assert std.min() > 0
    assert std.max() > 2 * std.min()


def test_its_tokenizer_reads_what_people_write(models):
    """Letters of both cases, digits and stops are known."""
    tokenizer = models.tokenizer
    tokens = tokenizer('A cat, 3 dogs; "rain" (at night)!').input_ids
    assert tokenizer.unk_token_id not in tokens


def test_it_is_documented_as_a_model():
    """The card says what it is made of and under which licence."""
    card = (TINY / "README.md").read_text()
    assert "license: apache-2.0" in card
    assert "python -m ltxv.tiny" in card


@pytest.mark.slow
def test_the_recipe_writes_it_again(tmp_path):
    """Anyone can make the weights from the code: same parts, same tensors, near values."""
    subprocess.run([sys.executable, "-m", "ltxv.tiny", str(tmp_path)], check=True)
    for file in TINY.rglob("*.safetensors"):
        committed = load_file(file)
        written = load_file(tmp_path / file.relative_to(TINY))
        assert committed.keys() == written.keys()
        for key, weight in committed.items():
            torch.testing.assert_close(written[key], weight, atol=2e-2, rtol=2e-2)
    for file in TINY.rglob("config.json"):
        again = json.loads((tmp_path / file.relative_to(TINY)).read_text())
        assert again == json.loads(file.read_text())
