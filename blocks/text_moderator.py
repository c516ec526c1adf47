"""A language model that judges prompts by their meaning, behind an endpoint of the operator's."""

from __future__ import annotations

from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, HttpUrl, SecretStr, field_validator

from blocks.chat_endpoint import BASE_URL, ChatEndpoint, fits_a_header
from ltxv.frozen import digest_of
from ltxv.moderation import ANSWER_TOKENS, VERSION, NoVerdict, question, read_answer
from ltxv.prompt_rules import PromptVerdict


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

    model_config = ConfigDict(hide_input_in_errors=True)  # a wrong key is secret too

    _block_type_name: ClassVar[str | None] = "LTX Text Moderator"
    _block_type_slug: ClassVar[str | None] = "ltx-text-moderator"
    _logo_url: ClassVar[HttpUrl | None] = HttpUrl("https://github.com/Lightricks.png?size=200")
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl("https://github.com/QwenLM/Qwen3Guard")

    base_url: str = Field(
        title="Base URL",
        pattern=BASE_URL,
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

    _check_key = field_validator("api_key")(fits_a_header)

    @property
    def identity(self) -> str:
        """Digest of all that decides a verdict, for cache keys; the API key is no part of it."""
        return digest_of([VERSION, self.base_url, self.model, self.refuse_controversial])

    def judge(self, text: str) -> PromptVerdict:
        """Ask the model about a text.

        Raises:
            Transient: The endpoint is away, busy or too slow.
            Misconfigured: It refuses the call, or its answer is not of Qwen3Guard's form.
        """
        endpoint = self._endpoint
        said = endpoint.ask(
            [{"role": "user", "content": question(text)}],
            temperature=0,
            max_tokens=ANSWER_TOKENS,
        )
        try:
            return read_answer(
                said.text, refuse_controversial=self.refuse_controversial, by=self.model
            )
        except NoVerdict as error:
            raise endpoint.unusable(str(error)) from error

    @property
    def _endpoint(self) -> ChatEndpoint:
        return ChatEndpoint(
            base_url=self.base_url,
            model=self.model,
            key=self.api_key,
            seconds=self.timeout,
            who="the text moderator",
            without="no prompt passes unjudged",
            block="LTX Text Moderator",
        )
