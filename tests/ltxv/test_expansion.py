"""What a language model is told, and what is taken of its answer."""

from __future__ import annotations

import time

import pytest

from ltxv.errors import Misconfigured
from ltxv.expansion import (
    MAX_LETTERS,
    ExpansionWork,
    begins_with_its_only_item,
    cleaned,
    is_short,
    turns,
)
from ltxv.request import parse_request

PLAIN = "A cat looks up. Rain runs down the window behind it."


@pytest.mark.parametrize(
    "answer",
    [
        PLAIN,
        f"  {PLAIN}\n\n",
        f'"{PLAIN}"',
        f"\u201c{PLAIN}\u201d",
        f"Expanded prompt: {PLAIN}",
        f"Sure! Here is the expanded prompt:\n\n{PLAIN}",
        f'Prompt: "{PLAIN}"',
        "A cat looks up.\n\nRain runs down the window behind it.",
        "## A cat looks up.\n- Rain runs down the window behind it.",
        "1. A cat looks up.\n2. Rain runs down the window behind it.",
        "**A cat** looks up. `Rain` runs down the [window](http://x/y) behind it.",
        "A <b>cat</b> looks up.<br/> Rain runs <script>down the window behind it.",
        f"```text\n{PLAIN}\n```",
        f"<think>They want a cat.\nOr a dog?</think>{PLAIN}",
        f"They want a cat.</think>\n{PLAIN}",
        "A cat\x00 looks\x1b up. Rain\r\nruns\u2028down the\u202e\u200b window behind\ufeff it.",
        "A cat looks up. | Rain_runs down the window behind it.",
    ],
)
def test_an_answer_becomes_one_plain_paragraph(answer: str) -> None:
    """Markup, labels, thoughts, quotation marks and invisible characters are taken off."""
    assert cleaned(answer) == PLAIN


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ('"..."', "empty"),
        ("<think>A cat, a cat, a", "empty"),
        ("I'm sorry, but I can't help with that.", "refuses"),
        ("I\u2019m sorry, I cannot write this.", "refuses"),
        ("As an AI, I do not describe cats.", "refuses"),
        ("I cannot describe that.", "refuses"),
        ("a " * MAX_LETTERS, "more than 2000"),
    ],
)
def test_what_is_no_prompt_is_an_error(answer: str, said: str) -> None:
    """Nothing, a refusal and a novel are not used."""
    with pytest.raises(Misconfigured, match=said):
        cleaned(answer)


@pytest.mark.parametrize(
    "answer", ["\n" * 500_000, "<think>" * 100_000, "[" * 500_000, "<" * 10**6]
)
def test_a_hostile_answer_takes_no_time(answer: str) -> None:
    """What an endpoint may send, a megabyte, is read in a moment whatever is in it."""
    began = time.monotonic()
    with pytest.raises(Misconfigured):
        cleaned(answer)
    assert time.monotonic() - began < 5


def test_an_innocent_first_word_is_kept() -> None:
    """A shot or a description is no label, and a person in the picture no refusal."""
    for text in ("Wide shot: a cat looks up.", "Sorry-looking dogs wait.", "I walk along a beach."):
        assert cleaned(text) == text


def test_only_short_prompts_are_written_out() -> None:
    """The bound is a number of words; whoever wrote as many has said it."""
    assert is_short("a cat", below_words=3)
    assert not is_short("a  black\ncat", below_words=3)


@pytest.mark.parametrize(
    ("fields", "begins"),
    [
        ({"images": [{"image_url": "https://x/a"}]}, True),
        ({"videos": [{"video_url": "https://x/a"}]}, True),
        ({"images": [{"image_url": "https://x/a", "start_frame_num": 8}]}, False),
        ({"images": [{"image_url": "https://x/a"}] * 2}, False),
        ({}, False),
    ],
)
def test_only_a_single_item_at_the_start_is_described(
    fields: dict[str, object], begins: bool
) -> None:
    """The reference's rule."""
    assert begins_with_its_only_item(parse_request({"prompt": "x", **fields})) is begins


def test_the_model_learns_what_it_cannot_see() -> None:
    """A description is told with the idea; pictures that nobody described are mentioned."""
    free, held, described = (
        turns(ExpansionWork(text="a cat", seed=1, **known))
        for known in ({}, {"conditioned": True}, {"conditioned": True, "description": "A tabby."})
    )
    assert free[1] == held[1] == {"role": "user", "content": "Idea: a cat"}
    assert "do not see" in held[0]["content"]
    assert "do not see" not in free[0]["content"] + described[0]["content"]
    assert described[1]["content"] == "Idea: a cat\nPicture: A tabby."
