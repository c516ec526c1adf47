import pytest
import torch

from ltxv.model.conditioning import Tokens
from ltxv.model.decode import tone_map
from ltxv.model.denoise import Prompt, denoise, noise_levels
from ltxv.model.noise import NoiseSource
from ltxv.model.upsample import adain, noised

PROMPT = Prompt(torch.zeros(1, 1, 1), torch.ones(1, 1))


class Transformer:
    """Predicts the same velocity for every token and notes what it was asked."""

    dtype = torch.float32

    def __init__(self):
        self.levels = []

    def __call__(self, *, hidden_states, timestep, **_):
        self.levels.append((timestep / 1000).flatten().tolist())
        return (torch.ones_like(hidden_states),)


def run(mask, *, sigmas=(1.0, 0.5), extra=0, scale=0.0):
    """Denoise two tokens that start at 0."""
    transformer = Transformer()
    tokens = Tokens(
        latents=torch.zeros(1, 2, 1),
        coords=torch.zeros(1, 3, 2),
        mask=None if mask is None else torch.tensor([mask]),
        extra=extra,
    )
    latents = denoise(
        transformer,
        tokens,
        sigmas=sigmas,
        prompt=PROMPT,
        noise=NoiseSource.seeded(3),
        image_cond_noise_scale=scale,
        on_step=lambda _done, _of: None,
    )
    return transformer.levels, latents.flatten().tolist()


def test_a_free_clip_goes_all_the_way_down():
    """From 1 to 0 in two steps, whatever the table, and with one level for all tokens."""
    assert run(None) == ([[1.0], [0.5]], [-1.0, -1.0])


def test_a_token_waits_at_the_level_its_strength_leaves_it():
    """A token at strength 0.7 has level 0.3 and is below both steps: it never moves."""
    levels, latents = run([0.7, 0.0])
    torch.testing.assert_close(torch.tensor(levels), torch.tensor([[0.3, 1.0], [0.3, 0.5]]))
    assert latents == [0.0, -1.0]


def test_a_token_joins_when_the_step_reaches_its_level():
    """At strength 0.25 the level is 0.75: it sits out the step at 1 and goes on at 0.5."""
    _, latents = run([0.25, 0.0])
    assert latents == [-0.5, -1.0]


def test_extra_tokens_are_taken_away():
    """Only the clip's own tokens come back."""
    assert run([1.0, 0.0], extra=1)[1] == [-1.0]


def test_a_full_condition_carries_noise_that_fades_with_the_step():
    """A token at strength 1 is reset on every step to itself and 0.15 t^2 of fresh noise."""
    stream = NoiseSource.seeded(3)
    drawn = [stream.draw(1, 2, 1)[0, 0, 0] for _ in range(2)]
    _, latents = run([1.0, 0.0], scale=0.15)
    assert latents[0] == pytest.approx(float(0.15 * 0.5**2 * drawn[1]))


def test_levels_are_shared_only_without_conditions():
    """One level for all tokens spares the time embedding of each."""
    sigma = torch.tensor(0.5)
    assert noise_levels(sigma, None).shape == (1, 1)
    assert noise_levels(sigma, torch.tensor([[0.0, 0.9]]))[0, 0] == sigma


def test_adain_goes_from_nothing_to_the_references_statistics():
    """Factor 0 keeps the latents, 1 gives each channel the reference's mean and deviation."""
    generator = torch.Generator().manual_seed(0)
    latents = 3 + 2 * torch.randn((1, 2, 3, 4, 5), generator=generator)
    wanted = torch.randn((1, 2, 2, 2, 2), generator=generator)
    torch.testing.assert_close(adain(latents, wanted, factor=0.0), latents)
    styled = adain(latents, wanted, factor=1.0)
    for channel in (0, 1):
        assert styled[0, channel].std() == pytest.approx(float(wanted[0, channel].std()))
        assert styled[0, channel].mean() == pytest.approx(
            float(wanted[0, channel].mean()), abs=1e-5
        )


def test_the_second_pass_starts_from_a_mix():
    """The first sigma is the share of noise."""
    assert noised(torch.ones(1), torch.full((1,), 3.0), 0.25).item() == 1.5


def test_the_tone_map_leaves_small_latents_and_shrinks_large_ones():
    """At 1 a latent of 10 loses almost 0.8 x 0.75 of itself; at 0 nothing changes."""
    latents = torch.tensor([-10.0, 0.0, 0.1, 10.0])
    torch.testing.assert_close(tone_map(latents, 0.0), latents)
    mapped = tone_map(latents, 1.0)
    torch.testing.assert_close(mapped[[0, 3]], torch.tensor([-4.0, 4.0]))
    assert mapped[2] == pytest.approx(0.1, rel=0.1)
