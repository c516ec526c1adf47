"""Who writes short prompts out, as an operator configures it."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, HttpUrl, SecretStr, field_validator, model_validator

from blocks.captioner import Captioner
from blocks.chat_endpoint import BASE_URL, fits_a_header
from blocks.chat_writer import ChatWriter
from ltxv.embedded_language_model import EmbeddedLanguageModel
from ltxv.errors import LTXError, Misconfigured, Refused
from ltxv.expansion import (
    BELOW_WORDS,
    Expansion,
    ExpansionWork,
    LanguageModel,
    cleaned,
    instructions_identity,
    is_short,
)
from ltxv.frozen import digest_of
from ltxv.local_language_model import LocalLanguageModel

Backend = Literal["none", "endpoint", "transformers", "embedded"]


class PromptExpander(Block):
    """Write short prompts out with a language model, for requests that ask for it.

    Attributes:
        backend: Where the language model runs.
        base_url: Address of the endpoint up to `/v1`.
        model: Name of the model at the endpoint, its Hub id, or its folder.
        revision: Commit of a Hub repository.
        device: Where a model of transformers runs.
        api_key: Key of the endpoint, if it wants one.
        timeout: Seconds until an expansion is given up.
        below_words: Prompts of at least so many words stay as they are.
        captioner: A vision model that describes the first frame.

    Example:
        Write a prompt out:
        ```python
        from blocks.prompt_expander import PromptExpander
        from ltxv.expansion import ExpansionWork

        expander = PromptExpander.load("BLOCK_NAME")
        print(expander.expand(ExpansionWork(text="a cat looks up", seed=1)).text)
        ```
    """

    model_config = ConfigDict(hide_input_in_errors=True)  # a wrong key is secret too

    _block_type_name: ClassVar[str | None] = "LTX Prompt Expander"
    _block_type_slug: ClassVar[str | None] = "ltx-prompt-expander"
    _logo_url: ClassVar[HttpUrl | None] = HttpUrl("https://github.com/Lightricks.png?size=200")
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl(
        "https://github.com/Lightricks/LTX-Video"
    )

    backend: Backend = Field(
        default="none",
        description="none refuses requests that ask for expansion; endpoint is an "
        "OpenAI-compatible one (vLLM, Ollama, llama.cpp, OpenAI); transformers runs a model here; "
        "embedded is a tiny one for trying it out.",
    )
    base_url: str | None = Field(
        default=None,
        title="Base URL",
        pattern=BASE_URL,
        description="For endpoint: its address up to `/v1`, such as `http://llm:8000/v1`.",
    )
    model: str = Field(
        default="",
        description="For endpoint: the model's name there. For transformers: a Hub id or a folder "
        "with safetensors weights.",
    )
    revision: str | None = Field(
        default=None, description="For transformers: commit of the Hub repository."
    )
    device: str = Field(
        default="cpu",
        description="For transformers: cpu, which leaves the GPU to the passes, cuda, cuda:N or "
        "auto.",
    )
    api_key: SecretStr | None = Field(
        default=None, title="API key", description="For endpoint: its key, if it wants one."
    )
    timeout: float = Field(
        default=60,
        gt=0,
        le=600,
        description="Seconds until an expansion is given up and the prompt used as it is.",
    )
    below_words: int = Field(
        default=BELOW_WORDS,
        ge=1,
        title="Below words",
        description="Only prompts of fewer words are written out; 120 is the reference's own "
        "prompt_enhancement_words_threshold.",
    )
    captioner: Captioner | None = Field(
        default=None,
        description="A vision model that describes the first frame, where a single picture or "
        "clip stands there; without one, expansions do not know it.",
    )

    _check_key = field_validator("api_key")(fits_a_header)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.backend == "endpoint" and not (self.base_url and self.model):
            raise ValueError("an endpoint needs base_url and model")
        if self.backend == "transformers" and not self.model:
            raise ValueError("transformers needs a model: a Hub id or a folder")
        return self

    @property
    def identity(self) -> str:
        """Digest of all that decides an expansion, for cache keys; no key or timeout is part of it.

        Raises:
            Refused: No backend is chosen.
            Misconfigured: The one that is chosen is not installed or not there.
        """
        return digest_of([self.backend, self.language_model.identity, instructions_identity()])

    @property
    def language_model(self) -> LanguageModel:
        """The model of the chosen backend.

        Raises:
            Refused: No backend is chosen.
        """
        if self.backend == "endpoint":
            return ChatWriter(
                base_url=self.base_url or "",
                model=self.model,
                key=self.api_key,
                seconds=self.timeout,
            )
        if self.backend == "transformers":
            return LocalLanguageModel(
                self.model, revision=self.revision, device=self.device, seconds=self.timeout
            )
        if self.backend == "embedded":
            return EmbeddedLanguageModel(seconds=self.timeout)
        raise Refused.because(
            ("expand_prompt",),
            "this installation expands no prompts; send false and write the prompt in full, or "
            "have its operator choose a backend in the LTX Prompt Expander block",
            type="feature_not_supported",
            input=True,
        )

    def takes(self, prompt: str) -> bool:
        """Say whether a prompt is short enough to be written out."""
        return is_short(prompt, below_words=self.below_words)

    def expand(self, work: ExpansionWork) -> Expansion:
        """Write a prompt out.

        Raises:
            Refused: No backend is chosen.
            Transient: The model is away, busy or too slow.
            Misconfigured: It cannot be used, or its answer is no prompt.
        """
        model = self.language_model
        try:
            return Expansion(text=cleaned(model.write_out(work)), by=model.name)
        except LTXError:
            raise
        except Exception as error:
            raise Misconfigured(
                f"the language model {model.name} failed ({type(error).__name__}: {error}); see "
                "the LTX Prompt Expander block"
            ) from error
