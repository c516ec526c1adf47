"""The operator's say about which finished clips leave the house."""

from __future__ import annotations

from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl

from ltxv.engine import Frames
from ltxv.frozen import digest_of
from ltxv.safety import REFUSE_AT, OpenNSFW, Verdict, screen


class SafetyChecker(Block):
    """Refuse clips with sexual content, judging every frame by the embedded classifier.

    Attributes:
        refuse_at: Score from which a frame refuses its clip.
        allow_disabling: Whether requests may ask not to be checked.
        threads: CPU threads of the classifier.

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
        default=2, ge=1, description="CPU threads of the classifier; a frame takes 25 ms on one."
    )

    @property
    def identity(self) -> str:
        """Digest of all that decides a verdict, for cache keys."""
        return digest_of({"classifier": self._classifier.identity, "refuse_at": self.refuse_at})

    def applies(self, *, requested: bool) -> bool:
        """Say whether a clip is screened, given the request's ``enable_safety_checker``."""
        return requested or not self.allow_disabling

    def screen(self, frames: Frames) -> Verdict:
        """Judge a clip of shape (frames, height, width, 3), uint8.

        Raises:
            Misconfigured: The classifier failed; the clip must not pass.
        """
        return screen(frames, classifier=self._classifier, refuse_at=self.refuse_at)

    @property
    def _classifier(self) -> OpenNSFW:
        return OpenNSFW(threads=self.threads)
