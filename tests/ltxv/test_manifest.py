"""Manifests: what is read from JSON Lines and CSV, and how bad ones and bad rows read."""

from __future__ import annotations

import json

import pytest

from ltxv.errors import Refused
from ltxv.manifest import MAX_ROW_BYTES, ManifestRow, read_manifest
from ltxv.request import VideoRequest, parse_request


def rows(content: str | bytes, name: str = "night.jsonl") -> list[ManifestRow]:
    """Read a manifest."""
    return read_manifest(content if isinstance(content, bytes) else content.encode(), name=name)


def problem(row: ManifestRow) -> str:
    """Return what is wrong with a row."""
    return "; ".join(str(violation) for violation in row.wrong)


def test_a_line_is_a_request_and_knows_its_number() -> None:
    """Blank lines, a BOM and CRLF change nothing; a line separator may be inside a text."""
    text = '\ufeff{"id": "a", "prompt": "one\u2028two"}\r\n\r\n{"id": 7, "prompt": "b"}'
    one, two = rows(text)
    assert (one.line, one.id, one.fields) == (1, "a", {"prompt": "one\u2028two"})
    assert (two.line, two.id) == (3, "7")


def test_a_table_is_requests() -> None:
    """Cells are JSON or text, dotted columns are nested fields, empty cells are left out."""
    table = (
        "id,prompt,seed,images.0.image_url,images.0.strength,images.1.image_url,videos,reverse_video"
        '\r\n1,"a cat, a ""dog""\nand more",7,cat.jpg,0.5,,,TRUE\r\n'
        '\r\n2,123,,,,dog.png,"[{""video_url"": ""a.mp4""}]",\r\n'
    )
    one, two = rows(table, "night.csv")
    first, second = parse_request(one.fields), parse_request(two.fields)
    assert (one.line, two.line) == (2, 5)
    assert first.prompt == 'a cat, a "dog"\nand more'
    assert (first.seed, first.reverse_video, second.seed) == (7, True, None)
    assert [(item.image_url, item.strength) for item in first.images] == [("cat.jpg", 0.5)]
    assert second.prompt == "123"
    assert (second.images[0].image_url, second.videos[0].video_url) == ("dog.png", "a.mp4")


def test_every_text_field_of_a_request_is_text_in_a_table() -> None:
    """A prompt of digits, or a cell that looks like JSON, stays what was written."""
    texts = ("prompt", "negative_prompt")
    (row,) = rows("id,prompt,negative_prompt\n1,12,true\n", "a.csv")
    request = VideoRequest.model_validate(dict(row.fields))
    assert [getattr(request, field) for field in texts] == ["12", "true"]


@pytest.mark.parametrize(("name", "content"), [("x", "id,prompt\n1,a\n"), ("x", '{"id": 1}\n')])
def test_the_content_tells_the_form_where_the_name_does_not(name: str, content: str) -> None:
    """A URL without a suffix can lead to either."""
    assert rows(content, name)[0].id == "1"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "is not JSON"),
        ("[1]", "must be a JSON object"),
        ('{"prompt": "a"}', "id: is missing"),
        ('{"id": true}', "id: is missing"),
        ('{"id": " "}', "id: is missing"),
        ('{"id": "a/b"}', "cannot be an id"),
        ('{"id": "..\\\\x"}', "cannot be an id"),
        ('{"id": "a\\u0007"}', "cannot be an id"),
        ('{"id": "\\ud800"}', "cannot be an id"),
        (json.dumps({"id": "ü" * 101}), "cannot be an id"),
        (json.dumps({"id": "a", "prompt": "x" * MAX_ROW_BYTES}), "more than 1048576"),
        ("[" * 100_000, "is not JSON"),
        ('{"id": ' + "9" * 5000 + "}", "is not JSON"),
    ],
)
def test_a_bad_line_is_a_bad_row(line: str, said: str) -> None:
    """It says what is wrong; the next line is not touched by it."""
    bad, good = rows(f'{line}\n{{"id": "good"}}\n')
    assert said in problem(bad)
    assert (bad.line, good.line, good.wrong) == (1, 2, [])
    problem(bad).encode()


def test_rows_that_share_an_id_are_all_wrong() -> None:
    """Nobody knows which one is meant; each names the other's line."""
    one, other, two = rows('{"id": "a"}\n{"id": "b"}\n{"id": "a"}\n')
    assert "line 3" in problem(one)
    assert "line 1" in problem(two)
    assert not other.wrong


def test_a_row_with_too_few_cells_is_a_bad_row() -> None:
    """An unquoted comma shows as a count."""
    bad, good = rows("id,prompt\n1,a cat, a dog\n2,b\n", "a.csv")
    assert "has 3 cells and the header 2" in problem(bad)
    assert not good.wrong


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b"", "has no rows"),
        ("a.jsonl", b"\xef\xbb\xbf\n \n", "has no rows"),
        ("a.csv", b"id,prompt\n", "has no rows"),
        ("a.jsonl", b'{"id": 1}\n{"id": "\xe9"}\n', "line 2 has the byte 0xe9"),
        ("a.csv", "id,prompt\n".encode("utf-16"), "is not UTF-8"),
        ("a.json", b'[{"id": 1}]', "is a JSON list"),
        ("a.csv", b"id,promt\n1,a\n", "did you mean 'prompt'"),
        ("a.csv", b"id,images.0.image_url,images.99.image_url\n", "images.99.image_url"),
        ("a.csv", b"id,prompt,prompt\n", "twice"),
        ("a.csv", b"prompt\na\n", "no column 'id'"),
        ("a.csv", b'id,prompt\n1,"a\n2,b\n', "from line 2 on"),
        ("a.csv", b"id,prompt\n1," + b"x" * 200_000, "from line 2 on"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_one_error(name: str, content: bytes, said: str) -> None:
    """It says where and what to do."""
    with pytest.raises(Refused, match=r"^manifest: ") as caught:
        rows(content, name)
    assert said in str(caught.value)
    assert len(caught.value.violations) == 1
