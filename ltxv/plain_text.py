"""A stranger's text where people read it: one line that cannot pretend to be anything else."""

from __future__ import annotations

import string
import unicodedata

_JOINERS = "\u200c\u200d"
"""Invisible, and part of how Persian and some emoji are written."""

_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn")
_ESCAPED = str.maketrans({sign: f"\\{sign}" for sign in string.punctuation})


def one_line(text: str, *, most: int) -> str:
    """Return ``text`` on one line of at most ``most`` characters.

    Control characters, half surrogates and whatever turns the direction of reading are left out:
    in a log, a terminal or a list of runs they could hide a text or pass for another line.
    """
    start = text[: most * 4]  # of a megabyte, only what can be shown is looked at
    line = " ".join("".join(_visible(letter) for letter in start).split())
    return line if len(line) <= most and start == text else f"{line[: most - 1]}…"


def markdown(text: str, *, most: int) -> str:
    """Return ``text`` as one line that Markdown shows as it is: no markup, link or picture."""
    return one_line(text, most=most).translate(_ESCAPED)


def _visible(letter: str) -> str:
    if letter.isspace():
        return " "
    hidden = unicodedata.category(letter) in _INVISIBLE and letter not in _JOINERS
    return "" if hidden else letter
