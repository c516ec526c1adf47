"""What prompts, conditions, seeds and passes mean, on photographs not trained on."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ltxv.tiny.camera import motion
from tests.ltxv.tiny.held_out import (
    CROPS,
    LIT,
    Wish,
    detail,
    psnr,
    repeated,
    shown,
    truth,
)

CAT, COFFEE = LIT[1], LIT[5]
PANS = ("pan left", "pan right", "pan up", "pan down")
ZOOMS = ("zoom in", "zoom out")


def first_pass(studio, prompt, crop=CAT, **wish):
    wanted = Wish(prompt, **wish)
    return studio.frames(studio.first(wanted, truth(crop)))[:, ::2, ::2]


def test_opposite_pans_move_the_picture_opposite_ways(studio):
    """The same photo and seed: only the word decides where the picture goes."""
    left, right = (motion(first_pass(studio, prompt)) for prompt in ("pan left", "pan right"))
    assert left.move == "pan left"
    assert right.move == "pan right"


def test_zooms_make_the_picture_grow_and_shrink(studio):
    """The same photo and seed: everything moves away from the middle, or towards it."""
    inwards, outwards = (motion(first_pass(studio, prompt)) for prompt in ZOOMS)
    assert inwards.move == "zoom in"
    assert outwards.move == "zoom out"


def test_other_text_takes_nothing_from_a_move(studio):
    """Words outside the vocabulary are overlooked, however many."""
    prompt = "A cat on a sofa, late afternoon, camera pans up, quiet"
    assert motion(first_pass(studio, prompt)).move == "pan up"


def test_a_picture_without_a_move_stays_recognisable(studio):
    """A prompt that asks for nothing known still shows the photo to the end."""
    given = shown(truth(CAT))[0, ::2, ::2]
    with_it, without = (
        psnr(first_pass(studio, "the sea at night", starts=starts)[-1], given)
        for starts in ((0,), ())
    )
    assert with_it > without + 3
    assert with_it > 15


def test_the_same_seed_gives_the_same_bytes_and_another_another_clip(studio):
    """A seed is the whole of the chance in a draft."""
    unconditioned = [
        studio.first(Wish("hold", starts=(), seed=seed), truth(CAT)) for seed in (1, 1, 2)
    ]
    assert unconditioned[0] == unconditioned[1]
    assert unconditioned[0] != unconditioned[2]


def test_strength_half_lies_between_none_and_whole(studio):
    """The weaker the picture is given, the less of it is in the first frame."""
    near = [
        psnr(first_pass(studio, "hold", strength=strength)[0], shown(truth(CAT))[0, ::2, ::2])
        for strength in (0.0, 0.5, 1.0)
    ]
    assert near[0] + 1 < near[1] < near[2] - 1


def test_a_later_picture_acts_where_it_says(studio):
    """The last frame comes to resemble the picture given for it, which it does not without."""
    with_it, without = (
        studio.frames(studio.first(Wish("hold", starts=starts), repeated(truth(CAT))))
        for starts in ((16,), ())
    )
    given = shown(truth(CAT))[0]
    assert psnr(with_it[-1], given) > psnr(without[-1], given) + 3
    assert psnr(with_it[-1], given) > 15


@pytest.mark.slow
def test_the_camera_moves_as_the_prompt_says(studio):
    """Eight views, four pans, two zooms and a hold each, both passes: four fifths agree."""
    moves = {
        (crop, prompt): motion(studio.film(Wish(prompt), truth(crop))[:, ::2, ::2])
        for crop in LIT
        for prompt in (*PANS, *ZOOMS, "hold")
    }
    agree = [found.move == prompt for (_, prompt), found in moves.items()]
    pans = np.mean([found.size for (_, prompt), found in moves.items() if prompt in PANS])
    holds = np.mean([found.size for (_, prompt), found in moves.items() if prompt == "hold"])
    assert np.mean(agree) >= 0.8
    assert holds < pans / 10


@pytest.mark.slow
def test_given_first_and_last_frames_come_back(studio):
    """Both passes: a first frame at 22 dB and a last one at 20 dB on average."""
    first, last = [], []
    for crop in CROPS:
        clip = repeated(truth(crop))
        frames = studio.film(Wish("hold", starts=(0, 16)), clip)
        first.append(psnr(frames[0], shown(clip)[0]))
        last.append(psnr(frames[-1], shown(clip)[-1]))
    assert np.mean(first) >= 22
    assert np.mean(last) >= 20


@pytest.mark.slow
def test_the_second_pass_adds_true_detail(studio):
    """Against the first pass enlarged: more detail, and no further from the photo."""
    energy, nearer = [], []
    for crop in CROPS:
        wish, clip = Wish("hold"), repeated(truth(crop))
        latents = studio.first(wish, clip)
        small, large = studio.frames(latents), studio.frames(studio.second(wish, clip, latents))
        energy.append(detail(large) / detail(small))
        nearer.append(psnr(large, shown(clip)) - psnr(small, shown(clip)))
    assert np.mean(energy) > 1
    assert np.mean(nearer) >= 0


def lightness(frame):
    return float(frame.mean())


def warmth(frame):
    return float(frame[..., 0].mean()) - float(frame[..., 2].mean())


def colour(frame):
    return float(np.ptp(frame, axis=-1).mean())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("look", "measure", "least"),
    [
        ("brighter", lightness, 15),
        ("darker", lightness, -15),
        ("warmer", warmth, 25),
        ("colder", warmth, -25),
    ],
)
def test_a_look_comes_over_the_clip(studio, look, measure, least):
    """The last frame is that much lighter, darker, redder or bluer than without the word."""
    for crop in (CAT, COFFEE):
        plain, looked = (first_pass(studio, prompt, crop) for prompt in ("hold", f"hold, {look}"))
        change = measure(looked[-1]) - measure(plain[-1])
        assert change / least > 1


@pytest.mark.slow
def test_black_and_white_takes_the_colour_away(studio):
    """The last frame has less than half of its colour left, and is as light as it was."""
    for crop in (CAT, COFFEE):
        plain, grey = (
            first_pass(studio, prompt, crop)[-1] for prompt in ("hold", "hold, black and white")
        )
        assert colour(grey) < colour(plain) / 2
        assert abs(lightness(grey) - lightness(plain)) < 8
