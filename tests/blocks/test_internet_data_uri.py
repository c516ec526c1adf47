"""Media that travels inside the request."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest

from blocks.internet import FetchLimits, fetch
from ltxv.errors import Refused

LOC = ("mask_url",)
CONTENT = bytes(range(256))
ENCODED = base64.b64encode(CONTENT).decode()


@pytest.mark.parametrize(
    ("url", "content_type"),
    [
        (f"data:image/png;base64,{ENCODED}", "image/png"),
        (f"DATA:Image/PNG;name=a;BASE64,{ENCODED}", "image/png"),
        (f"data:image/png;base64,{ENCODED.rstrip('=')}", "image/png"),
        (f"data:image/png;base64,{ENCODED[:60]}\r\n {ENCODED[60:]}", "image/png"),
        (f"data:image/png;base64,{ENCODED.replace('+', '%2B').replace('=', '%3D')}", "image/png"),
        (f"data:video/mp4,{quote_from_bytes(CONTENT)}", "video/mp4"),
        (f"data:,{quote_from_bytes(CONTENT)}", "text/plain"),
        (f"data:no type,{quote_from_bytes(CONTENT)}", ""),
    ],
)
def test_the_content_arrives(url: str, content_type: str, tmp_path: Path) -> None:
    """Base64 and percent-encoding in the forms that clients send give back the bytes."""
    fetched = fetch(url, tmp_path / "file", limits=FetchLimits(), loc=LOC)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert (fetched.size, fetched.content_type) == (len(CONTENT), content_type)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("data:image/png;base64", "no comma"),
        ("data:image/png;base64,a", "not valid base64"),
        ("data:image/png;base64,a$b=", "not valid base64"),
        ("data:image/png;base64,aa=a", "not valid base64"),
        ("data:image/png,50%", "percent-encoded"),
        ("data:image/png,50%zz", "percent-encoded"),
        ("data:image/png,ü", "percent-encoded"),
        ("data:image/png;base64,", "empty"),
        ("data:,", "empty"),
    ],
)
def test_malformed_content_is_refused(url: str, reason: str, tmp_path: Path) -> None:
    """A data URI that cannot be read is refused with the reason, and no file is left."""
    with pytest.raises(Refused, match=reason) as caught:
        fetch(url, tmp_path / "file", limits=FetchLimits(), loc=LOC)
    assert caught.value.violations[0].type == "file_download_error"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["base64", "percent"])
def test_the_limit_holds_to_the_byte(form: str, tmp_path: Path) -> None:
    """Content at the limit passes, one byte more does not."""
    urls = {
        "base64": f"data:image/png;base64,{ENCODED}",
        "percent": f"data:image/png,{quote_from_bytes(CONTENT)}",
    }
    limits = FetchLimits(max_bytes=len(CONTENT))
    assert fetch(urls[form], tmp_path / "file", limits=limits, loc=LOC).size == len(CONTENT)
    (tmp_path / "file").unlink()
    with pytest.raises(Refused) as caught:
        fetch(urls[form], tmp_path / "file", limits=FetchLimits(max_bytes=255), loc=LOC)
    assert caught.value.violations[0].type == "file_too_large"
    assert list(tmp_path.iterdir()) == []


def test_a_large_uri_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Far more than the limit costs no decoding, and the error does not repeat it."""

    def decode(*_args: object, **_kwargs: object) -> bytes:
        raise AssertionError("decoded")

    monkeypatch.setattr(base64, "b64decode", decode)
    url = "data:image/png;base64," + "A" * 4_000_000
    with pytest.raises(Refused) as caught:
        fetch(url, tmp_path / "file", limits=FetchLimits(max_bytes=1000), loc=LOC)
    assert caught.value.violations[0].type == "file_too_large"
    assert len(str(caught.value.detail)) < 1000
