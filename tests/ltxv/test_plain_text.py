"""What a stranger wrote, as people are shown it."""

from __future__ import annotations

import pytest

from ltxv.plain_text import markdown, one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a cat", "a cat"),
        ("a\n\tcat\r\n\u2028sleeps\u0085", "a cat sleeps"),
        ("\x1b[31mred\x9b", "[31mred"),
        ("gnp\u202e.exe\u2066\u200b", "gnp.exe"),
        ("half \ud800 a pair", "half a pair"),
        ("\u0646\u0645\u06cc\u200c\u062e 👩\u200d👧", "\u0646\u0645\u06cc\u200c\u062e 👩\u200d👧"),
    ],
)
def test_a_line_shows_what_is_visible(text: str, shown: str) -> None:
    """Every script and emoji stay; what hides, turns or breaks a line goes."""
    assert one_line(text, most=40) == shown


@pytest.mark.parametrize("text", ["o" * 5_000_000, " " * 500 + "a", "\u200b" * 500 + "a"])
def test_a_line_keeps_to_its_length(text: str) -> None:
    """A long text is cut and says so."""
    line = one_line(text, most=20)
    assert len(line) <= 20
    assert line.endswith("…")


@pytest.mark.parametrize(
    "text",
    [
        "![](https://spy.example/a.png)",
        "<img src=x onerror=alert(1)>",
        "| a | b |\n|---|---|",
        "# title\n> quote\n- list\n1. list",
        "www.spy.example https://spy.example spy@example.org &lt;",
        "`code` ~~gone~~ **bold** \\",
    ],
)
def test_markdown_is_shown_and_not_obeyed(text: str) -> None:
    """Every sign that could start markup, a link or an entity is escaped."""
    shown = markdown(text, most=200)
    assert "\n" not in shown
    bare = shown.replace("\\\\", "").split("\\")
    assert all(part[0] in "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~" for part in bare[1:])
    assert all(letter.isalnum() or letter == " " for letter in bare[0])
    assert all(letter.isalnum() or letter == " " for part in bare[1:] for letter in part[1:])
