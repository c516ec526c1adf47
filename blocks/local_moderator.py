"""A language model that judges prompts by their meaning, in the process of the run itself."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, ClassVar, Self

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, model_validator

from ltxv.device import device_class, resolve_device
from ltxv.errors import Misconfigured
from ltxv.frozen import digest_of
from ltxv.judge_weights import JudgeWeights
from ltxv.moderation import VERSION, NoVerdict, question, read_answer
from ltxv.prompt_rules import PromptVerdict

if TYPE_CHECKING:
    from ltxv.model.text_moderator import TextModerator as Loaded

TOO_LONG = "too long to be judged"

_loaded: dict[str, Loaded] = {}
_loading = Lock()


class LocalModerator(Block):
    """Judge prompts by Qwen3Guard-Gen through the transformers library, with no endpoint.

    Attributes:
        model: Folder or repository of the weights.
        revision: Commit of a repository.
        device: Where it runs.
        refuse_controversial: Whether what the model calls controversial is refused too.

    Example:
        Judge a prompt:
        ```python
        from blocks.local_moderator import LocalModerator

        moderator = LocalModerator.load("BLOCK_NAME")
        verdict = moderator.judge("a cat looks up")
        ```
    """

    _block_type_name: ClassVar[str | None] = "LTX Local Moderator"
    _block_type_slug: ClassVar[str | None] = "ltx-local-moderator"
    _logo_url: ClassVar[HttpUrl | None] = HttpUrl("https://github.com/Lightricks.png?size=200")
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl("https://github.com/QwenLM/Qwen3Guard")

    model: str = Field(
        description="Absolute path of a folder, or a repository of the Hub such as "
        "`Qwen/Qwen3Guard-Gen-0.6B`."
    )
    revision: str | None = Field(
        default=None, description="Commit of the repository, 40 digits; a folder has none."
    )
    device: str = Field(default="cpu", description="cpu, cuda, cuda:N or auto.")
    refuse_controversial: bool = Field(
        default=False,
        title="Refuse controversial",
        description="Whether what the model calls controversial is refused too.",
    )

    @model_validator(mode="after")
    def _check_weights(self) -> Self:
        JudgeWeights(self.model, self.revision)
        return self

    @property
    def identity(self) -> str:
        """Digest of all that decides a verdict, for cache keys.

        Raises:
            Misconfigured: There is no such folder.
        """
        return digest_of([VERSION, self._weights, self._device_class, self.refuse_controversial])

    def judge(self, text: str) -> PromptVerdict:
        """Ask the model about a text; what it cannot read to its end is refused.

        Raises:
            Transient: The Hub could not be reached for the weights.
            Misconfigured: It cannot be loaded, or its answer is not of Qwen3Guard's form.
        """
        answer = self._model().answer(question(text))
        if answer is None:
            return PromptVerdict(refused=True, categories=(TOO_LONG,), by=self.model)
        try:
            return read_answer(
                answer, refuse_controversial=self.refuse_controversial, by=self.model
            )
        except NoVerdict as error:
            raise Misconfigured(
                f"the text moderator {self.model} {error}; no prompt passes unjudged: choose a "
                "Qwen3Guard-Gen model in the LTX Local Moderator block"
            ) from error

    def _model(self) -> Loaded:
        """Return the process's own copy of the weights, loaded at its first prompt."""
        key = f"{resolve_device(self.device)} {self._weights}"
        with _loading:
            if key not in _loaded:
                from ltxv.model.text_moderator import TextModerator  # noqa: PLC0415 - heavy: torch

                folder = JudgeWeights(self.model, self.revision).fetch()
                _loaded[key] = TextModerator(folder, device=resolve_device(self.device))
            return _loaded[key]

    @property
    def _weights(self) -> str:
        return JudgeWeights(self.model, self.revision).identity

    @property
    def _device_class(self) -> str:
        return device_class(resolve_device(self.device))
