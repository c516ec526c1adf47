"""Refuse prompts by a short list of words that a person reviewed, ``prompt_rules.json``.

The rules know English words and whole words only, and no meaning: they stop what is asked for
plainly. Nudity as such is left to the classifier of the frames; a word that is harmless half of
the time (a cock crowing, a bloody battlefield) is not on a list. What asks in other words, or in
another language, is for a moderator model.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import Field

from ltxv.frozen import Frozen, digest_of

Category = Literal["sexual_content", "gore", "hate"]
"""What an operator may switch."""

MINORS = "sexual_content_with_minors"
"""What nobody may switch off: a word for a minor, and a sexual one anywhere in the same text."""

VERSION = 1
"""Counts up when the code comes to read the same lists in another way."""

_NUMBER = (
    "(?:[0-9]|1[0-7]|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen"
    "|fourteen|fifteen|sixteen|seventeen)"
)
_YOUNG = re.compile(
    rf"\b(?:{_NUMBER} ?(?:(?:years?|yrs?) olds?|yo|y o)|aged? (?:of )?{_NUMBER}"
    r"|[0-9]+ (?:days?|weeks?|months?) old)\b"
)
_SPELLED = re.compile(r"\b(?:[a-z] ){2,}[a-z]\b")


class PromptVerdict(Frozen):
    """What was said about a prompt."""

    refused: bool = Field(description="True if the prompt must not be made into a video.")
    categories: tuple[str, ...] = Field(description="What is wrong with it; the operator's alone.")
    by: str = Field(description="Who said so: `rules`, or the moderator's model.")


def breached(text: str, *, categories: Sequence[Category]) -> tuple[str, ...]:
    """Return the categories that ``text`` falls into: of ``categories``, and ``MINORS`` always."""
    words = _patterns()["harmless"].sub("_", plain(text))
    found: list[str] = [MINORS] if _sexualises_minors(words) else []
    return (*found, *(name for name in categories if _patterns()[name].search(words)))


def rules_identity() -> str:
    """Return a digest of everything that decides what the rules say."""
    return digest_of({"version": VERSION, "lists": _lists()})


def plain(text: str) -> str:
    """Return the words of ``text`` in one spelling, and once more with s p e l l e d words joined.

    Compatibility forms, case, accents and invisible characters do not count; whatever is neither
    letter nor digit stands between words.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    letters = unicodedata.normalize("NFKD", folded)
    seen = "".join(letter for letter in letters if unicodedata.category(letter) not in ("Cf", "Mn"))
    words = " ".join(re.findall(r"[^\W_]+", seen))
    return f"{words} | {_SPELLED.sub(lambda run: run[0].replace(' ', ''), words)}"


def _sexualises_minors(words: str) -> bool:
    patterns = _patterns()
    if patterns["minors_alone"].search(words):
        return True
    young = patterns["minors"].search(words) or _YOUNG.search(words)
    sexual = patterns["sexual"].search(words) or patterns["sexual_content"].search(words)
    return bool(young and sexual)


@cache
def _lists() -> dict[str, list[str]]:
    content = (files("ltxv") / "prompt_rules.json").read_text(encoding="utf-8")
    lists: dict[str, list[str]] = json.loads(content)
    return lists


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """Return each list as one pattern of whole words, in the singular and the plural."""
    return {
        name: re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})(?:s|es)?\b")
        for name, words in _lists().items()
    }
