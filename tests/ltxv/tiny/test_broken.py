"""What the checks of meaning say once a mechanism is broken: each that depends on it fails."""

from __future__ import annotations

import pytest

from ltxv.engine import PromptWork
from tests.ltxv.model import test_local_engine as of_the_engine
from tests.ltxv.tiny import test_meaning as of_meaning
from tests.ltxv.tiny.held_out import Studio

pytestmark = pytest.mark.slow


def brightens(studio):
    """Check one of the looks."""
    of_meaning.test_a_look_comes_over_the_clip(studio, "brighter", of_meaning.lightness, 15)


@pytest.fixture
def few_views(monkeypatch):
    """One view for the checks that take means of eight: a broken mechanism breaks every one."""
    for views in ("CROPS", "LIT"):
        monkeypatch.setattr(of_meaning, views, getattr(of_meaning, views)[:1])


@pytest.mark.parametrize(
    "check",
    [
        of_meaning.test_a_picture_without_a_move_stays_recognisable,
        of_meaning.test_strength_half_lies_between_none_and_whole,
        of_meaning.test_a_later_picture_acts_where_it_says,
        of_meaning.test_given_first_and_last_frames_come_back,
    ],
)
@pytest.mark.usefixtures("few_views")
def test_pictures_that_are_ignored_are_noticed(studio, monkeypatch, check):
    """No condition reaches the passes."""
    monkeypatch.setattr("ltxv.model.passes._encoded", lambda _models, _work, _items: [])
    with pytest.raises(AssertionError):
        check(studio)


@pytest.mark.parametrize(
    "check",
    [
        of_meaning.test_opposite_pans_move_the_picture_opposite_ways,
        of_meaning.test_zooms_make_the_picture_grow_and_shrink,
        of_meaning.test_other_text_takes_nothing_from_a_move,
        of_meaning.test_the_camera_moves_as_the_prompt_says,
        of_meaning.test_black_and_white_takes_the_colour_away,
        brightens,
    ],
)
@pytest.mark.usefixtures("few_views")
def test_prompts_that_are_ignored_are_noticed(studio, monkeypatch, check):
    """Whatever is asked for, the passes hear nothing."""
    nothing = studio.engine.encode_prompt(PromptWork(model=studio.model, text=""))
    monkeypatch.setattr(Studio, "_prompt", lambda _studio, _wish: nothing)
    with pytest.raises(AssertionError):
        check(studio)


@pytest.mark.usefixtures("few_views")
def test_a_second_pass_that_is_skipped_is_noticed(studio, monkeypatch):
    """What the first pass made is taken for the second one's."""
    monkeypatch.setattr(Studio, "second", lambda _studio, _wish, _clip, latents: latents)
    with pytest.raises(AssertionError):
        of_meaning.test_the_second_pass_adds_true_detail(studio)


def test_a_second_pass_without_adain_is_noticed(studio, monkeypatch):
    """What is upsampled keeps its own mean and deviation."""
    engine = studio.engine
    prompt = engine.encode_prompt(PromptWork(model=studio.model, text="A cat on a table."))
    first = engine.first_pass(
        of_the_engine.first_work(engine), prompt=prompt, items=[], on_step=of_the_engine.silent
    )
    monkeypatch.setattr("ltxv.model.upsample.adain", lambda latents, _reference, *, factor: latents)
    with pytest.raises(AssertionError):
        of_the_engine.test_adain_gives_the_second_pass_the_first_ones_style(engine, prompt, first)
