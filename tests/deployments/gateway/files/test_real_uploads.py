"""The real clients' own uploads, small, in parts and inside a request."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import httpx
import pytest

from blocks.uploads import Uploads
from tests.conftest import SAMPLES
from tests.deployments.gateway.conftest import Gateway, run_of
from tests.deployments.gateway.real_clients import Client, javascript, python

pytestmark = pytest.mark.slow

SMALL = 100_000
IN_PARTS = 105 * 2**20 + 7
"""Both clients send it in parts."""


@pytest.mark.parametrize("client", [javascript, python])
@pytest.mark.parametrize("size", [SMALL, IN_PARTS])
def test_what_a_client_uploads_opens(gateway: Gateway, client: Client, size: int) -> None:
    """Byte for byte, at the address that it was given."""
    file = {"size": size, "name": "clip.mp4", "type": "video/mp4"}
    told = client(gateway.url, "upload", file=file)
    assert "value" in told, told
    digest, received = hashlib.sha256(), 0
    with httpx.stream("GET", told["value"], timeout=60) as answer:
        assert answer.headers["content-type"] == "video/mp4"
        for chunk in answer.iter_bytes():
            digest.update(chunk)
            received += len(chunk)
    assert received == size
    assert (
        digest.hexdigest() == hashlib.sha256((b"LTX flows " * (size // 10 + 1))[:size]).hexdigest()
    )


@pytest.mark.parametrize(
    ("client", "options"),
    [
        (javascript, {"lifecycle": {"expiresIn": "1h", "initialAcl": {"default": "hide"}}}),
        (python, {"expires_in": "1h", "initial_acl": {"default": "hide"}}),
    ],
)
def test_a_client_says_how_long_a_file_is_kept(
    gateway: Gateway, client: Client, options: dict[str, Any]
) -> None:
    """Its settings for storage arrive."""
    file = {"size": SMALL, "name": "cat.jpg", "type": "image/jpeg"}
    told = client(gateway.url, "upload", file=file, options=options)
    assert "value" in told, told
    upload = Uploads(gateway.store).find(told["value"].split("/")[-2])
    assert upload is not None
    assert upload.expires is not None
    assert (upload.expires - upload.created).total_seconds() == 3600
    assert upload.access == "hide"


def test_a_blob_in_the_input_is_uploaded_for_the_worker(gateway: Gateway) -> None:
    """The run is given the store's own address of it."""
    file = {"path": str(SAMPLES / "cat.jpg"), "name": "cat.jpg", "type": "image/jpeg"}
    asked = {"prompt": f"a cat {uuid.uuid4()}", "images": [{"image_url": "BLOB"}]}
    told = javascript(gateway.url, "submit", input=asked, file=file)["value"]
    [image] = run_of(told["request_id"]).parameters["request"]["images"]
    key = gateway.store.key_of(image["image_url"])
    assert key is not None
    assert key.startswith("outputs/uploads/")
