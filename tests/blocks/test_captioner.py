"""A vision model behind an endpoint: what it is shown, and what is taken of its answer."""

from __future__ import annotations

import base64
import io
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from pydantic import SecretStr
from pytest_httpserver import HTTPServer

from blocks.captioner import Captioner
from ltxv.errors import Misconfigured, Transient
from tests.chat_server import COMPLETIONS, asked, says

FRAMES = np.zeros((2, 600, 1200, 3), np.uint8)
FRAMES[0, ..., 0] = 200


class TestCaptionerStandard(BlockStandardTestSuite):
    """What Prefect asks of every block."""

    @pytest.fixture
    def block(self) -> type[Block]:
        return Captioner

    def test_has_a_valid_image(self, block: type[Block]) -> None:
        """The logo is on the web; Prefect's own test would open it, tests here stay offline."""
        assert urlsplit(str(block._logo_url)).scheme == "https"


def captioner(server: HTTPServer, **settings: Any) -> Captioner:
    """Return a block that asks the test's own endpoint."""
    return Captioner(base_url=server.url_for("/v1"), model="vlm", **settings)


def test_it_is_shown_the_first_frame(httpserver: HTTPServer) -> None:
    """The endpoint gets a JPEG of moderate size, and its answer comes back clean."""
    says(httpserver, "**A red wall.**\n")
    assert captioner(httpserver).describe(FRAMES) == "A red wall."
    (body,) = asked(httpserver)
    url = body["messages"][0]["content"][1]["image_url"]["url"]
    head, _, content = url.partition(",")
    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    assert (head, picture.size) == ("data:image/jpeg;base64", (1024, 512))
    assert abs(picture.getpixel((5, 5))[0] - 200) < 4  # type: ignore[index,operator]


@pytest.mark.parametrize(
    ("content", "reason"), [("", "stop"), (None, "stop"), ("A red", "length"), ("I cannot", "stop")]
)
def test_what_is_no_description_is_an_error(
    httpserver: HTTPServer, content: Any, reason: str
) -> None:
    """Nothing, half an answer and a refusal are not used."""
    says(httpserver, content, finish_reason=reason)
    with pytest.raises(Misconfigured):
        captioner(httpserver).describe(FRAMES)


def test_an_endpoint_that_is_away_may_come_back(httpserver: HTTPServer) -> None:
    """It is worth another try."""
    httpserver.expect_request(COMPLETIONS).respond_with_data("busy", status=503)
    with pytest.raises(Transient):
        captioner(httpserver).describe(FRAMES)


def test_an_address_that_is_none_is_an_error() -> None:
    """It looks like one in the form, and is found out at the first picture."""
    with pytest.raises(Misconfigured, match="address that is none"):
        Captioner(base_url="http://[::1/v1", model="vlm").describe(FRAMES)


def test_identity_is_model_and_address(httpserver: HTTPServer) -> None:
    """Another model describes anew; another key does not."""
    one = captioner(httpserver)
    assert one.identity == captioner(httpserver, api_key=SecretStr("sk")).identity
    assert one.identity != one.model_copy(update={"model": "other"}).identity
