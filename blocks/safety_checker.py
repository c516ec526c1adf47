"""The operator's say about what may be asked for and which clips leave the house."""

from __future__ import annotations

from functools import cache
from typing import ClassVar, Self, get_args

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, model_validator

from blocks.local_moderator import LocalModerator
from blocks.text_moderator import TextModerator
from ltxv.engine import Frames
from ltxv.frozen import digest_of
from ltxv.image_classifier import UNSAFE_LABELS, TransformersClassifier
from ltxv.judge_weights import JudgeWeights
from ltxv.prompt_rules import Category, PromptVerdict, breached, rules_identity
from ltxv.safety import REFUSE_AT, FrameClassifier, OpenNSFW, Verdict, screen

EMBEDDED = "embedded"


class SafetyChecker(Block):
    """Refuse prompts by reviewed rules, and clips with sexual content by every frame.

    Attributes:
        refuse_at: Score from which a frame refuses its clip.
        allow_disabling: Whether requests may ask not to be checked.
        threads: CPU threads of the embedded classifier.
        classifier: What judges frames.
        classifier_revision: Commit of a classifier on the Hub.
        unsafe_labels: Which of its labels are unsafe.
        device: Where it runs.
        prompt_categories: What prompts are refused for.
        moderator: A model that judges the prompts that the rules let pass.

    Example:
        Screen the frames of a clip:
        ```python
        from blocks.safety_checker import SafetyChecker

        checker = SafetyChecker.load("BLOCK_NAME")
        verdict = checker.screen(frames)
        ```
    """

    _block_type_name: ClassVar[str | None] = "LTX Safety Checker"
    _block_type_slug: ClassVar[str | None] = "ltx-safety-checker"
    _logo_url: ClassVar[HttpUrl | None] = HttpUrl("https://github.com/Lightricks.png?size=200")
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl(
        "https://github.com/Lightricks/LTX-Video"
    )

    refuse_at: float = Field(
        default=REFUSE_AT,
        ge=0,
        le=1,
        title="Refuse at",
        description="Score from 0 to 1; a frame that reaches it refuses the whole clip.",
    )
    allow_disabling: bool = Field(
        default=True,
        title="Allow disabling",
        # True, because clients of the hosted endpoint rely on the field and it is checked unless
        # they say otherwise; an operator who serves strangers switches it off.
        description="Whether a request with `enable_safety_checker: false` goes unchecked, as on "
        "the hosted endpoint. Switch off where strangers send requests.",
    )
    threads: int = Field(
        default=2,
        ge=1,
        description="CPU threads of the embedded classifier, a frame on each.",
    )
    classifier: str = Field(
        default=EMBEDDED,
        description="`embedded`, or an image classifier of the transformers library: the absolute "
        "path of a folder, or a repository of the Hub such as `Falconsai/nsfw_image_detection`.",
    )
    classifier_revision: str | None = Field(
        default=None,
        title="Classifier revision",
        description="Commit of the classifier's repository, 40 digits; a folder has none.",
    )
    unsafe_labels: tuple[str, ...] = Field(
        default=UNSAFE_LABELS,
        min_length=1,
        title="Unsafe labels",
        description="Labels of the classifier whose probabilities together are a frame's score.",
    )
    device: str = Field(
        default="cpu",
        description="Where such a classifier runs: cpu, cuda, cuda:N or auto. The embedded one "
        "stays on the CPU.",
    )
    prompt_categories: tuple[Category, ...] = Field(
        default=get_args(Category),
        title="Prompt categories",
        description="What a prompt is refused for, by whole English words. Sexual content with "
        "minors is refused whatever is chosen here, and whatever a request asks for.",
    )
    moderator: TextModerator | LocalModerator | None = Field(
        default=None,
        description="A model that judges the prompts that the rules let pass, behind an endpoint "
        "or in the run's own process.",
    )

    @model_validator(mode="after")
    def _check_classifier(self) -> Self:
        if self.classifier != EMBEDDED:
            JudgeWeights(self.classifier, self.classifier_revision)
        elif self.classifier_revision is not None:
            raise ValueError("the embedded classifier has no revision; leave it out")
        return self

    @property
    def identity(self) -> str:
        """Digest of all that decides a clip's verdict, for cache keys."""
        return digest_of({"classifier": self._classifier.identity, "refuse_at": self.refuse_at})

    def applies(self, *, requested: bool) -> bool:
        """Say whether a clip is screened, given the request's ``enable_safety_checker``."""
        return requested or not self.allow_disabling

    def prompt_identity(self, *, requested: bool) -> str:
        """Digest of all that decides a prompt's verdict, for cache keys."""
        categories = sorted(self._categories(requested=requested))
        asked = self._moderator(requested=requested)
        return digest_of(
            {
                "rules": rules_identity(),
                "categories": categories,
                "moderator": asked.identity if asked else None,
            }
        )

    def screen_prompt(self, text: str, *, requested: bool) -> PromptVerdict:
        """Judge a prompt by the rules and, if they let it pass, by the moderator.

        Args:
            text: The prompt.
            requested: The request's ``enable_safety_checker``. Where it may go unchecked, sexual
                content with minors is all that is looked for.

        Raises:
            Transient: The moderator could not be asked.
            Misconfigured: It did not give a verdict.
        """
        found = breached(text, categories=self._categories(requested=requested))
        asked = self._moderator(requested=requested)
        if found or asked is None:
            return PromptVerdict(refused=bool(found), categories=found, by="rules")
        return asked.judge(text)

    def _moderator(self, *, requested: bool) -> TextModerator | LocalModerator | None:
        return self.moderator if self.applies(requested=requested) else None

    def _categories(self, *, requested: bool) -> tuple[Category, ...]:
        return self.prompt_categories if self.applies(requested=requested) else ()

    def screen(self, frames: Frames) -> Verdict:
        """Judge a clip of shape (frames, height, width, 3), uint8.

        Raises:
            Misconfigured: The classifier failed; the clip must not pass.
        """
        return screen(frames, classifier=self._classifier, refuse_at=self.refuse_at)

    @property
    def _classifier(self) -> FrameClassifier:
        if self.classifier == EMBEDDED:
            return _embedded(threads=self.threads)
        chosen = TransformersClassifier(
            JudgeWeights(self.classifier, self.classifier_revision),
            unsafe_labels=self.unsafe_labels,
            device=self.device,
        )
        return _loaded.setdefault(f"{self.device} {chosen.identity}", chosen)


_loaded: dict[str, TransformersClassifier] = {}
"""The process's own classifiers, whose weights load once."""


@cache
def _embedded(*, threads: int) -> OpenNSFW:
    """Return the process's own embedded classifier."""
    return OpenNSFW(threads=threads)
