"""Who writes prompts out: an endpoint, a model of transformers, or the embedded one."""

from __future__ import annotations

import gzip
import json
import socket
import uuid
from itertools import repeat
from time import sleep
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from pydantic import SecretStr, ValidationError
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from blocks.captioner import Captioner
from blocks.prompt_expander import PromptExpander
from blocks.saved import saved
from ltxv import embedded_language_model
from ltxv.errors import LTXError, Misconfigured, Refused, Transient
from ltxv.expansion import ExpansionWork
from tests.chat_server import COMPLETIONS, asked, completion, says

KEY = "sk-very-secret"
WORK = ExpansionWork(text="a cat looks up", seed=2**53 - 1)
WRITTEN = "A grey cat looks up from a red cushion while the camera comes closer."


class TestPromptExpanderStandard(BlockStandardTestSuite):
    """What Prefect asks of every block."""

    @pytest.fixture
    def block(self) -> type[Block]:
        return PromptExpander

    def test_has_a_valid_image(self, block: type[Block]) -> None:
        """The logo is on the web; Prefect's own test would open it, tests here stay offline."""
        assert urlsplit(str(block._logo_url)).scheme == "https"


def expander(server: HTTPServer, **settings: Any) -> PromptExpander:
    """Return a block that asks the test's own endpoint."""
    return PromptExpander(
        backend="endpoint",
        base_url=server.url_for("/v1/"),
        model="llm",
        api_key=SecretStr(KEY),
        **settings,
    )


def test_an_endpoint_writes_a_prompt_out(httpserver: HTTPServer) -> None:
    """It gets the idea, the seed and the key; its answer is cleaned, its name is kept."""
    says(httpserver, f'"{WRITTEN}"\n')
    expansion = expander(httpserver).expand(WORK)
    assert (expansion.text, expansion.by) == (WRITTEN, "llm")
    (body,) = asked(httpserver)
    assert body["messages"][-1] == {"role": "user", "content": "Idea: a cat looks up"}
    assert (body["model"], body["max_tokens"], body["seed"] < 2**31) == ("llm", 256, True)
    assert httpserver.log[0][0].headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"<html>", Misconfigured),
        (b"[" * 100_000, Misconfigured),
        (b'{"choices": []}', Misconfigured),
        (b'{"choices": [{"message": null}]}', Misconfigured),
        (b" " * 2**21, Misconfigured),
        (b"", Misconfigured),
    ],
)
def test_garbage_is_no_expansion(
    httpserver: HTTPServer, body: bytes, error: type[Exception]
) -> None:
    """What is no completion is an error, not a crash."""
    httpserver.expect_request(COMPLETIONS).respond_with_data(body)
    with pytest.raises(error):
        expander(httpserver).expand(WORK)


@pytest.mark.parametrize(
    ("content", "reason", "said"),
    [
        (None, "stop", "without text"),
        ("", "stop", "empty"),
        ("word " * 900, "stop", "more than 2000"),
        ("A cat looks up and", "length", "past 256 tokens"),
        ("I cannot help with that.", "stop", "refuses"),
    ],
)
def test_an_answer_that_is_no_prompt_is_not_used(
    httpserver: HTTPServer, content: Any, reason: str, said: str
) -> None:
    """Nothing, too much, half a sentence and a refusal are errors that say so."""
    says(httpserver, content, finish_reason=reason)
    with pytest.raises(Misconfigured, match=said):
        expander(httpserver).expand(WORK)


@pytest.mark.parametrize(
    ("status", "error"),
    [(500, Transient), (429, Transient), (401, Misconfigured), (302, Misconfigured)],
)
def test_an_endpoint_that_fails_shows_no_key(
    httpserver: HTTPServer, status: int, error: type[LTXError]
) -> None:
    """A busy endpoint may be asked again, one that says no needs its operator."""
    httpserver.expect_request(COMPLETIONS).respond_with_data(
        KEY, status=status, headers={"Location": "/elsewhere"}
    )
    with pytest.raises(error) as caught:
        expander(httpserver).expand(WORK)
    assert KEY not in str(caught.value)


def test_a_compressed_bomb_stays_packed(httpserver: HTTPServer) -> None:
    """An answer is not unpacked: a megabyte could become a gigabyte before anyone looks."""
    packed = gzip.compress(json.dumps(completion("a " * 10**6)).encode())
    httpserver.expect_request(COMPLETIONS).respond_with_data(
        packed, headers={"Content-Encoding": "gzip"}
    )
    with pytest.raises(Misconfigured, match="something else than a completion"):
        expander(httpserver).expand(WORK)


def test_silence_and_trickling_end_in_time(httpserver: HTTPServer) -> None:
    """The operator's seconds hold for the whole answer."""

    def trickle(_: Request) -> Response:
        return Response(part for part in repeat(b" ", 40) if sleep(0.05) is None)

    httpserver.expect_request(COMPLETIONS).respond_with_handler(trickle)
    with pytest.raises(Transient, match="longer than"):
        expander(httpserver, timeout=0.3).expand(WORK)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        with pytest.raises(Transient):
            PromptExpander(backend="endpoint", base_url=url, model="x", timeout=0.2).expand(WORK)


def test_without_a_backend_a_request_is_refused() -> None:
    """The caller can send false, the operator can choose a backend; the error says both."""
    nobody = PromptExpander()
    for use in (lambda: nobody.identity, lambda: nobody.expand(WORK)):
        with pytest.raises(Refused, match=r"send false.*choose a backend") as caught:
            use()
        (line,) = caught.value.detail
        assert (line["loc"], line["type"]) == (["body", "expand_prompt"], "feature_not_supported")


@pytest.mark.parametrize(
    "settings",
    [
        {"backend": "endpoint"},
        {"backend": "endpoint", "base_url": "http://llm/v1"},
        {"backend": "endpoint", "base_url": "http://me:pw@llm/v1", "model": "x"},
        {"backend": "endpoint", "base_url": "file:///etc/passwd", "model": "x"},
        {"backend": "transformers"},
        {"below_words": 0},
        {"api_key": f"{KEY}\n"},
    ],
)
def test_half_a_backend_is_not_saved(settings: dict[str, Any]) -> None:
    """A block that could not work is refused when it is made, without showing its key."""
    with pytest.raises(ValidationError) as caught:
        PromptExpander(**settings)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "said"),
    [("./none", r"no language model '\./none'"), ("a/b--c", r"'a/b--c' cannot be found")],
)
def test_a_model_that_cannot_be_is_found_out_at_once(model: str, said: str) -> None:
    """Neither a folder nor a Hub id: the error comes with the key, before anything is run."""
    with pytest.raises(Misconfigured, match=said):
        _ = PromptExpander(backend="transformers", model=model).identity


def test_identity_is_what_decides_an_expansion(httpserver: HTTPServer) -> None:
    """Another model is another expander; another key, bound or time-out is not."""
    one = expander(httpserver)
    same = one.model_copy(update={"api_key": None, "timeout": 5, "below_words": 3})
    others = [
        one.model_copy(update=change) for change in ({"model": "y"}, {"base_url": "http://y"})
    ]
    embedded = PromptExpander(backend="embedded")
    assert same.identity == one.identity
    assert len({made.identity for made in (one, embedded, *others)}) == 4
    assert KEY not in repr(one) + one.model_dump_json()


def test_a_saved_expander_keeps_its_captioner(httpserver: HTTPServer, prefect_server: None) -> None:
    """It comes back whole, with both keys, and `embedded` needs no saving."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    captioner = Captioner(base_url="http://eye/v1", model="vlm", api_key=SecretStr("sk-eye"))
    captioner.save(name)
    expander(httpserver, captioner=captioner).save(name)
    loaded = saved(PromptExpander, name)
    assert loaded.api_key == SecretStr(KEY)
    assert loaded.captioner is not None
    assert loaded.captioner.api_key == SecretStr("sk-eye")
    assert saved(PromptExpander, "embedded").backend == "embedded"
    assert saved(PromptExpander, "default").backend == "none"


def test_the_embedded_model_goes_on_from_the_prompt() -> None:
    """The real model loads, keeps the user's words, and a seed always gives the same text."""
    embedded = PromptExpander(backend="embedded")
    one, other = (
        embedded.expand(ExpansionWork(text="a cat looks up", seed=seed)).text for seed in (1, 2)
    )
    assert one.startswith("a cat looks up. ")
    assert len(one.split()) > 10
    assert one != other
    assert embedded.expand(ExpansionWork(text="a cat looks up", seed=1)).text == one


def test_the_embedded_model_ends_in_time_and_says_what_is_too_long() -> None:
    """A prompt beyond its context and an impatient operator are errors, and it works afterwards."""
    with pytest.raises(Misconfigured, match="cannot read the prompt"):
        PromptExpander(backend="embedded").expand(ExpansionWork(text="x" * 9000, seed=1))
    with pytest.raises(Transient, match="longer than"):
        PromptExpander(backend="embedded", timeout=0.001).expand(WORK)
    assert PromptExpander(backend="embedded").expand(WORK).by == "SmolLM2-135M-Instruct"


def test_the_embedded_model_tries_again_when_it_adds_no_sentence() -> None:
    """The 13th seed gives half a sentence only on some processors, and a paragraph on all."""
    work = ExpansionWork(text="a cat looks up", seed=13)
    assert PromptExpander(backend="embedded").expand(work).text.endswith((".", "!", "?"))


def test_the_embedded_model_opens_no_door() -> None:
    """Its server, which cannot be switched off, answers nobody without the key of this process."""
    PromptExpander(backend="embedded").expand(WORK)
    address = embedded_language_model._loaded().listening_address
    assert urlsplit(address).hostname == "127.0.0.1"
    body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
    assert httpx.post(f"{address}/v1/chat/completions", json=body).status_code == 401


def test_a_completion_may_have_more_in_it(httpserver: HTTPServer) -> None:
    """Fields that are not asked for do no harm."""
    body = {**completion(WRITTEN), "usage": {"total_tokens": 9}, "x": [1]}
    httpserver.expect_request(COMPLETIONS).respond_with_json(body)
    assert expander(httpserver).expand(WORK).text == WRITTEN
