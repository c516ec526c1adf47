import json
import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import load_file

from ltxv.checkpoints import TINY, find_checkpoint
from ltxv.engine import FirstPassWork, Placement
from ltxv.engine_options import EngineOptions
from ltxv.geometry import SPATIAL, TEMPORAL
from ltxv.model.denoise import Prompt
from ltxv.model.models import Models
from ltxv.model.noise import NoiseSource
from ltxv.model.passes import first_pass
from ltxv.model.text import encode_text
from ltxv.tiny.lessons import Shape
from ltxv.tiny.patterns import moving_leaves
from ltxv.tiny.recipe import Effort, write_checkpoint


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


@torch.inference_mode()
def test_the_vae_shows_pictures(models):
    """A picture it never saw comes back recognisable: 22 dB and more."""
    axis = torch.linspace(-1, 1, 128)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    disc = torch.sigmoid((0.6 - (x**2 + y**2).sqrt()) * 60)
    picture = torch.stack([disc * 1.2 - 0.6, x * 0.5, -disc * 0.8 + 0.2 * y])
    clip = picture[None, :, None].repeat(1, 1, 9, 1, 1)
    with models.use("vae") as vae:
        again = vae.decode(vae.encode(clip).latent_dist.mode(), torch.tensor([0.05])).sample
    error = float((again - clip).square().mean())
    assert 10 * math.log10(4 / error) > 22


@torch.inference_mode()
def test_the_upsampler_knows_more_than_interpolation(models):
    """Latents of a half-size clip come out nearer the full-size ones than by repeating them."""
    torch.manual_seed(3)
    clip = moving_leaves(2, frames=9, size=256)
    with models.use("vae") as vae, models.use("latent_upsampler") as upsampler:
        large, small = (
            vae.encode(each).latent_dist.mode() for each in (clip, F.avg_pool3d(clip, (1, 2, 2)))
        )
        off = [
            float(((each - large) / models.statistics.std).square().mean())
            for each in (upsampler(small), F.interpolate(small, scale_factor=(1, 2, 2)))
        ]
    assert off[0] < 0.6 * off[1]


@torch.inference_mode()
def test_a_picture_carries_through_the_clip(models):
    """The first pass's last frame still resembles the picture the clip begins with."""
    torch.manual_seed(4)
    clip = moving_leaves(1, frames=1, size=128).repeat(1, 1, 17, 1, 1)
    work = FirstPassWork(
        model=models.checkpoint.identity(dtype="float32", device="cpu"),
        width=128,
        height=128,
        frames=17,
        frame_rate=24.0,
        sigmas=(1.0, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725),
        padding=(0, 0, 0, 0),
        placements=(Placement(kind="image", start_frame=0, frames=1, strength=1.0),),
        seed=5,
    )
    frames = ((clip[0].movedim(0, -1) + 1) * 127.5).round().byte().numpy()
    latents = first_pass(
        models,
        work,
        prompt=Prompt(torch.randn(1, 16, 32), torch.ones(1, 16)),
        items=[frames[:1]],
        noise=NoiseSource.seeded(5),
        on_step=lambda _done, _of: None,
    )
    with models.use("vae") as vae:
        shown = vae.decode(models.statistics.denormalise(latents), torch.tensor([0.05])).sample
    last, picture = (each[0, :, -1].flatten() for each in (shown, clip))
    assert float(torch.corrcoef(torch.stack([last, picture]))[0, 1]) > 0.4


def test_the_recipe_writes_all_of_it(tmp_path):
    """Anyone can make the weights from the code: the same parts and the same tensors."""
    least = Effort(
        vae=1,
        upsampler=1,
        frames=9,
        side=64,
        drawings=1,
        shapes=(Shape(14, 9, 128, 128),),
        fitted=2000,
        steps=2,
    )
    write_checkpoint(tmp_path / "tiny", work=tmp_path / "work", effort=least)
    for file in TINY.rglob("*.safetensors"):
        committed = load_file(file)
        written = load_file(tmp_path / "tiny" / file.relative_to(TINY))
        assert {key: weight.shape for key, weight in committed.items()} == {
            key: weight.shape for key, weight in written.items()
        }
    for file in TINY.rglob("*config.json"):
        again = json.loads((tmp_path / "tiny" / file.relative_to(TINY)).read_text())
        assert again == json.loads(file.read_text())


def test_its_words_stay_apart(models):
    """Left is not right, other text is letters, and words of one meaning are one vector."""

    def states(text):
        with models.use("text_encoder") as text_encoder:
            found = encode_text(models.tokenizer, text_encoder, text, max_tokens=8)
        return found.embeds[0, 0]

    assert models.tokenizer.tokenize("pan left")[0] == "▁pan"
    assert len(models.tokenizer.tokenize("kettle")) > 4
    left, right, leftwards = (states(word) for word in ("left", "right", "leftwards"))
    assert F.cosine_similarity(left, right, dim=0) < 0.6
    assert torch.equal(left, leftwards)
