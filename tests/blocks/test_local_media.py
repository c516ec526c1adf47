"""Files of this machine, let in by whoever may."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

import pytest

from blocks.internet import FetchLimits
from blocks.local_media import with_local_media, with_stored_data
from blocks.media_store import MediaStore
from ltxv.errors import Refused
from ltxv.request import VideoRequest, parse_request


def asking(*urls: str) -> VideoRequest:
    """Return a request with an image for each URL and a clip at an address."""
    return parse_request(
        {
            "prompt": "x",
            "images": [{"image_url": url} for url in urls],
            "videos": [{"video_url": "https://example.com/a.mp4"}],
        }
    )


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    """A store in a folder of its own."""
    return MediaStore(root=str(tmp_path / "store"))


@pytest.mark.parametrize("form", ["{name}", "{folder}/{name}", "file://{quoted}"])
def test_a_file_becomes_an_address_of_the_store(
    tmp_path: Path, store: MediaStore, form: str
) -> None:
    """However the file is named, the store opens what the request then says; the rest stays."""
    name = "a photo.JPG"
    (tmp_path / name).write_bytes(b"bytes")
    url = form.format(name=name, folder=tmp_path, quoted=quote(str(tmp_path / name)))
    request = with_local_media(asking(url, "https://example.com/x.png"), store, beside=tmp_path)
    first, second = request.images
    store.fetch(first.image_url, tmp_path / "fetched", loc=())
    assert (tmp_path / "fetched").read_bytes() == b"bytes"
    assert first.image_url.endswith(".jpg")
    assert second.image_url == "https://example.com/x.png"
    assert request.videos[0].video_url == "https://example.com/a.mp4"


def test_equal_files_have_one_address(tmp_path: Path, store: MediaStore) -> None:
    """The address is made of the content, so that a copy of a file hits the cache."""
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"same")
    first, second = with_local_media(asking("a.jpg", "b.jpg"), store, beside=tmp_path).images
    assert first.image_url == second.image_url


@pytest.mark.parametrize("url", ["none.jpg", ".", "file:///none.jpg", "a\x00b", "~nobody/a"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, store: MediaStore, url: str) -> None:
    """The refusal names the field and shows the path."""
    with pytest.raises(Refused) as caught:
        with_local_media(asking("https://example.com/x.png", url), store, beside=tmp_path)
    (line,) = caught.value.detail
    assert line["loc"] == ["body", "images", 1, "image_url"]
    assert line["input"] == url


def test_the_content_of_data_uris_goes_into_the_store(tmp_path: Path, store: MediaStore) -> None:
    """A flow run's parameters stay small, and the store opens the same bytes."""
    large = bytes(range(256)) * 4096
    uri = f"data:image/png;base64,{base64.b64encode(large).decode()}"
    request = with_stored_data(asking(uri, "https://example.com/b.png"), store)
    stored, other = (image.image_url for image in request.images)
    assert other == "https://example.com/b.png"
    assert len(request.model_dump_json()) < 5000
    store.fetch(stored, tmp_path / "fetched", loc=("x",))
    assert (tmp_path / "fetched").read_bytes() == large
    assert with_local_media(asking(uri), store).images[0].image_url == stored


@pytest.mark.parametrize(
    ("uri", "type"),
    [("data:image/png;base64,*", "file_download_error"), ("data:," + "x" * 99, "file_too_large")],
)
def test_a_bad_data_uri_is_refused_at_the_door(tmp_path: Path, uri: str, type: str) -> None:
    """The refusal names the field, before there is a flow run."""
    small = MediaStore(root=str(tmp_path / "store"), limits=FetchLimits(max_bytes=50))
    with pytest.raises(Refused) as caught:
        with_stored_data(asking("https://example.com/a.png", uri), small)
    (line,) = caught.value.detail
    assert (line["loc"], line["type"]) == (["body", "images", 1, "image_url"], type)
