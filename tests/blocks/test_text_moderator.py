"""A moderator model behind an endpoint: what it does not clearly pass does not pass."""

from __future__ import annotations

import socket
import uuid
from itertools import repeat
from time import sleep
from typing import Any
from urllib.parse import urlsplit

import pytest
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from pydantic import SecretStr, ValidationError
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from blocks.safety_checker import SafetyChecker
from blocks.text_moderator import TextModerator
from ltxv.errors import Misconfigured, Transient

KEY = "sk-very-secret"


class TestTextModeratorStandard(BlockStandardTestSuite):
    """What Prefect asks of every block."""

    @pytest.fixture
    def block(self) -> type[Block]:
        return TextModerator

    def test_has_a_valid_image(self, block: type[Block]) -> None:
        """The logo is on the web; Prefect's own test would open it, tests here stay offline."""
        assert urlsplit(str(block._logo_url)).scheme == "https"


def moderator(server: HTTPServer, **settings: Any) -> TextModerator:
    """Return a block that asks the test's own endpoint."""
    return TextModerator(base_url=server.url_for("/v1"), api_key=SecretStr(KEY), **settings)


def answers(server: HTTPServer, content: Any) -> None:
    """Let the endpoint answer as a model that says ``content``."""
    server.expect_request(
        "/v1/chat/completions", method="POST", headers={"Authorization": f"Bearer {KEY}"}
    ).respond_with_json({"choices": [{"message": {"content": content}}]})


@pytest.mark.parametrize(
    ("content", "strict", "refused", "categories"),
    [
        ("Safety: Safe\nCategories: None", True, False, ()),
        ("Safety: Unsafe\nCategories: Violent", False, True, ("Violent",)),
        (
            "Safety: Unsafe\nCategories: Suicide & Self-Harm, Violent\n",
            False,
            True,
            ("Suicide & Self-Harm", "Violent"),
        ),
        ("Safety: Controversial\nCategories: Violent", False, False, ()),
        ("Safety: Controversial\nCategories: Violent", True, True, ("Violent",)),
    ],
)
def test_the_models_word_decides(
    httpserver: HTTPServer, content: str, strict: bool, refused: bool, categories: tuple[str, ...]
) -> None:
    """Unsafe is refused, safe passes, and the operator says which controversial is."""
    answers(httpserver, content)
    verdict = moderator(httpserver, refuse_controversial=strict).judge("a cat")
    assert (verdict.refused, verdict.categories) == (refused, categories)


@pytest.mark.parametrize(
    "content",
    [
        "",
        None,
        "safe",
        "Sure! Safety: Safe\nCategories: None",
        "Safety: Safe\nCategories: Violent",
        "Safety: Unsafe\nCategories: None",
        "Safety: Safe",
        "Safety: Safe\nCategories: None\nSafety: Unsafe\nCategories: Violent",
    ],
)
def test_an_answer_in_another_form_does_not_pass(httpserver: HTTPServer, content: Any) -> None:
    """What is not exactly a verdict is the operator's error."""
    answers(httpserver, content)
    with pytest.raises(Misconfigured, match="unjudged"):
        moderator(httpserver).judge("a cat")


@pytest.mark.parametrize(
    ("status", "error"),
    [(500, Transient), (429, Transient), (401, Misconfigured), (302, Misconfigured)],
)
def test_an_endpoint_that_fails_lets_nothing_pass(
    httpserver: HTTPServer, status: int, error: type[Exception]
) -> None:
    """A busy endpoint is asked again, one that says no needs its operator; none shows the key."""
    httpserver.expect_request("/v1/chat/completions").respond_with_data(
        KEY, status=status, headers={"Location": "/elsewhere"}
    )
    with pytest.raises(error) as caught:
        moderator(httpserver).judge("a cat")
    assert KEY not in str(caught.value)


def test_no_completion_and_no_answer_let_nothing_pass(httpserver: HTTPServer) -> None:
    """Neither a page that is no completion nor silence is a verdict."""
    httpserver.expect_request("/v1/chat/completions").respond_with_data("<html>")
    with pytest.raises(Misconfigured):
        moderator(httpserver).judge("a cat")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        with pytest.raises(Transient):
            TextModerator(base_url=url, timeout=0.2).judge("a cat")


def test_the_key_is_no_part_of_identity_or_text() -> None:
    """Another key is the same judge, and no form of the block shows it."""
    one = TextModerator(base_url="http://guard/v1", api_key=SecretStr(KEY))
    assert one.identity == TextModerator(base_url="http://guard/v1").identity
    assert one.identity != TextModerator(base_url="http://guard/v1", model="other").identity
    assert KEY not in repr(one) + one.model_dump_json()
    with pytest.raises(ValidationError) as caught:
        TextModerator(base_url="http://guard/v1", api_key=SecretStr(f"{KEY}\n"))
    assert KEY not in str(caught.value)


def test_the_checker_asks_it_about_what_the_rules_let_pass(
    httpserver: HTTPServer, prefect_server: None
) -> None:
    """A saved checker asks its saved moderator, unless the rules or the request settle it."""
    answers(httpserver, "Safety: Unsafe\nCategories: Violent")
    name = f"test-{uuid.uuid4().hex[:8]}"
    guard = moderator(httpserver)
    guard.save(name)
    SafetyChecker(moderator=guard).save(name)
    checker = SafetyChecker.load(name)
    assert checker.screen_prompt("a cat", requested=True).by == guard.model
    assert checker.screen_prompt("hardcore sex", requested=True).by == "rules"
    assert not checker.screen_prompt("a cat", requested=False).refused
    assert len(httpserver.log) == 1
    plain = SafetyChecker().prompt_identity(requested=True)
    assert checker.prompt_identity(requested=True) != plain


def test_an_endless_answer_lets_nothing_pass(httpserver: HTTPServer) -> None:
    """An answer is read up to a limit of bytes and for as long as the operator said, not longer."""

    def trickle(_: Request) -> Response:
        return Response(part for part in repeat(b" ", 40) if sleep(0.05) is None)

    httpserver.expect_oneshot_request("/v1/chat/completions").respond_with_data(b" " * 2**21)
    with pytest.raises(Misconfigured, match="more than 1048576 bytes"):
        moderator(httpserver).judge("a cat")
    httpserver.expect_request("/v1/chat/completions").respond_with_handler(trickle)
    with pytest.raises(Transient, match=r"longer than 0\.3 seconds"):
        moderator(httpserver, timeout=0.3).judge("a cat")
