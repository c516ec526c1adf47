import torch

from ltxv.engine import Placement
from ltxv.model.conditioning import Condition, place, sized
from ltxv.model.latents import Grid, coordinates
from ltxv.model.noise import NoiseSource

CHANNELS = 4


def clip(frames):
    """Latents of 2x3 whose values tell frame and position."""
    return torch.arange(CHANNELS * frames * 6.0).reshape(1, CHANNELS, frames, 2, 3)


def condition(start, latent_frames, strength):
    frames = 8 * (latent_frames - 1) + 1
    kind = "image" if frames == 1 else "video"
    placement = Placement(kind=kind, start_frame=start, frames=frames, strength=strength)
    return Condition(placement, 100.0 + clip(latent_frames))


def placed(*conditions, frames=6):
    return place(clip(frames), conditions, frame_rate=8.0, noise=NoiseSource.seeded(1))


def by_frame(tokens):
    """Return the mask of the clip's latent frames, one number each."""
    return tokens.mask[0, tokens.extra :].reshape(-1, 6).mean(dim=1)


def test_an_unconditioned_clip_has_no_mask_and_no_extra_tokens():
    """All tokens share the step's noise level."""
    tokens = placed()
    assert (tokens.mask, tokens.extra, tokens.latents.shape) == (None, 0, (1, 36, CHANNELS))


def test_an_item_at_frame_0_is_blended_into_the_clip():
    """A clip of two latent frames at strength a half changes those two and no other."""
    tokens = placed(condition(0, 2, 0.5))
    assert tokens.extra == 0
    torch.testing.assert_close(by_frame(tokens), torch.tensor([0.5, 0.5, 0, 0, 0, 0]))
    blended = tokens.latents.transpose(1, 2).reshape(1, CHANNELS, 6, 2, 3)
    torch.testing.assert_close(
        blended[:, :, :2], torch.lerp(clip(6)[:, :, :2], 100.0 + clip(2), 0.5)
    )
    torch.testing.assert_close(blended[:, :, 2:], clip(6)[:, :, 2:])


def test_a_later_picture_stands_beside_the_clip():
    """Its tokens come first, carry its own time, and the clip itself has no mask."""
    tokens = placed(condition(21, 1, 1.0))
    assert tokens.extra == 6
    assert by_frame(tokens).eq(0).all()
    assert tokens.mask[0, :6].eq(1).all()
    assert tokens.coords[0, 0, :6].eq(21 / 8).all()
    torch.testing.assert_close(tokens.latents[0, :6, 0], 100.0 + torch.arange(6.0))


def test_a_later_clip_is_parted_after_two_latent_frames():
    """Frames 16 on: two beside the clip at 2 and 2.125 s, the third blended at 16//8+2."""
    tokens = placed(condition(16, 3, 1.0))
    assert tokens.extra == 12
    torch.testing.assert_close(by_frame(tokens), torch.tensor([0.0, 0, 0, 0, 1, 0]))
    assert tokens.coords[0, 0, :12:6].tolist() == [16 / 8, 17 / 8]


def test_items_share_the_stream_in_their_order():
    """The second item's noise follows the first one's, as the reference draws it."""
    one, two = condition(8, 1, 0.25), condition(16, 1, 0.25)
    tokens = placed(one, two)
    stream = NoiseSource.seeded(1)
    for start, item in ((0, one), (6, two)):
        drawn = stream.draw(*item.latents.shape)
        expected = torch.lerp(drawn, item.latents, 0.25).flatten(2).transpose(1, 2)
        torch.testing.assert_close(tokens.latents[:, start : start + 6], expected)


def test_placing_leaves_what_it_was_given_alone():
    """The starting noise may be recorded by its caller."""
    start = clip(6)
    place(start, [condition(0, 2, 1.0)], frame_rate=8.0, noise=NoiseSource.seeded(1))
    torch.testing.assert_close(start, clip(6))


def test_the_first_latent_frame_is_one_frame_long():
    """Latent frames begin at 0, 1, 9, 17 frames, and rows and columns every 32 pixels."""
    coords = coordinates(Grid(4, 2, 3), frame_rate=10.0)
    assert coords.shape == (1, 3, 24)
    torch.testing.assert_close(coords[0, 0, ::6], torch.tensor([0.0, 0.1, 0.9, 1.7]))
    assert coords[0, 1, :6].tolist() == [0, 0, 0, 32, 32, 32]
    assert coords[0, 2, :6].tolist() == [0, 32, 64, 0, 32, 64]


def test_an_item_is_padded_in_mid_grey_before_it_is_resized():
    """Padding counts in the item's own pixels, not in the target's."""
    white = torch.full((1, 8, 8, 3), 255, dtype=torch.uint8).numpy()
    pixels = sized(white, padding=(8, 0, 0, 0), width=32, height=32, device="cpu")
    assert pixels.shape == (1, 3, 1, 32, 32)
    assert pixels[..., :14].eq(0).all()
    assert pixels[..., 18:].eq(1).all()
