"""A language model that judges prompts by their meaning, behind an endpoint of the operator's."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import httpx
from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, SecretStr, field_validator

from ltxv.errors import Misconfigured, Transient
from ltxv.frozen import digest_of
from ltxv.prompt_rules import PromptVerdict

_ANSWER = re.compile(
    r"Safety: (?P<safety>Safe|Controversial|Unsafe)\s*\n"
    r"Categories: (?P<categories>[A-Za-z][A-Za-z &/,-]{0,200})"
)
"""What Qwen3Guard-Gen answers, as its model card says."""

_BUSY = (408, 425, 429)
_ANSWER_TOKENS = 64


class TextModerator(Block):
    """Judge prompts by Qwen3Guard-Gen behind an OpenAI-compatible endpoint, vLLM or SGLang.

    Attributes:
        base_url: Address of the endpoint up to `/v1`.
        model: Name of the model there.
        api_key: Key of the endpoint, if it wants one.
        refuse_controversial: Whether what the model calls controversial is refused too.
        timeout: Seconds until the endpoint is given up.

    Example:
        Judge a prompt:
        ```python
        from blocks.text_moderator import TextModerator

        moderator = TextModerator.load("BLOCK_NAME")
        verdict = moderator.judge("a cat looks up")
        ```
    """

    _block_type_name: ClassVar[str | None] = "LTX Text Moderator"
    _block_type_slug: ClassVar[str | None] = "ltx-text-moderator"
    _logo_url: ClassVar[HttpUrl | None] = HttpUrl("https://github.com/Lightricks.png?size=200")
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl("https://github.com/QwenLM/Qwen3Guard")

    base_url: str = Field(
        title="Base URL",
        pattern=r"^https?://[^\s@?#]+$",
        description="Address of the endpoint up to `/v1`, such as `http://guard:8000/v1`.",
    )
    model: str = Field(
        default="Qwen/Qwen3Guard-Gen-0.6B", min_length=1, description="Name of the model there."
    )
    api_key: SecretStr | None = Field(
        default=None, title="API key", description="Key of the endpoint, if it wants one."
    )
    refuse_controversial: bool = Field(
        default=False,
        title="Refuse controversial",
        description="Whether what the model calls controversial is refused too.",
    )
    timeout: float = Field(
        default=30, gt=0, le=120, description="Seconds until the endpoint is given up."
    )

    @field_validator("api_key")
    @classmethod
    def _fits_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        """Refuse what an HTTP library would show in its complaint about the header."""
        if key is not None and not re.fullmatch(r"[!-~]+", key.get_secret_value()):
            raise ValueError("a key has ASCII letters, digits and signs, and no spaces")
        return key

    @property
    def identity(self) -> str:
        """Digest of all that decides a verdict, for cache keys; the API key is no part of it."""
        return digest_of([self.base_url, self.model, self.refuse_controversial])

    def judge(self, text: str) -> PromptVerdict:
        """Ask the model about a text.

        Raises:
            Transient: The endpoint is away, busy or too slow.
            Misconfigured: It refuses the call, or its answer is not of Qwen3Guard's form.
        """
        answer = _ANSWER.fullmatch(self._asked(text).strip())
        if answer is None:
            raise self._unusable("answered in another form than Qwen3Guard's")
        named = tuple(part.strip() for part in answer["categories"].split(","))
        if (answer["safety"] == "Safe") != (named == ("None",)):
            raise self._unusable("contradicts itself")
        bad = ("Unsafe", "Controversial") if self.refuse_controversial else ("Unsafe",)
        refused = answer["safety"] in bad
        return PromptVerdict(refused=refused, categories=named if refused else (), by=self.model)

    def _asked(self, text: str) -> str:
        key = self.api_key.get_secret_value() if self.api_key else None
        try:
            response = httpx.post(
                f"{self.base_url.rstrip('/')}/chat/completions",
                json={
                    "model": self.model,
                    "messages": [{"role": "user", "content": text}],
                    "temperature": 0,
                    "max_tokens": _ANSWER_TOKENS,
                },
                headers={"Authorization": f"Bearer {key}"} if key else {},
                timeout=self.timeout,
                follow_redirects=False,
            )
        except httpx.HTTPError as error:
            raise Transient(
                f"the text moderator could not be asked ({type(error).__name__}); "
                "no prompt passes unjudged"
            ) from error
        if response.status_code in _BUSY or response.is_server_error:
            raise Transient(f"the text moderator answered HTTP {response.status_code}")
        if response.status_code != httpx.codes.OK:
            raise self._unusable(f"answered HTTP {response.status_code}")
        return self._content(response)

    def _content(self, response: httpx.Response) -> str:
        try:
            content: Any = response.json()["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError) as error:
            raise self._unusable("answered with something else than a completion") from error
        if not isinstance(content, str):
            raise self._unusable("answered without text")
        return content

    def _unusable(self, what: str) -> Misconfigured:
        return Misconfigured(
            f"the text moderator {what}; no prompt passes unjudged: see its URL, model and key in "
            "the LTX Text Moderator block"
        )
