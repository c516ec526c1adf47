"""The result of a request for drafts: those that were chosen, refined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from blocks.draft_notes import Refined
from deployments.gateway.kinds import Kind
from ltxv.result import VideoResult


class RefinedDraft(VideoResult):
    """A draft that was refined."""

    draft: int = Field(description="Its number.")


class RefusedDraft(BaseModel):
    """A draft whose refinement was refused."""

    draft: int = Field(description="Its number.")
    detail: list[dict[str, Any]] = Field(description="Why.")


class RefinedDrafts(BaseModel):
    """What a request for drafts made."""

    results: list[RefinedDraft] = Field(description="In the order of the choice.")
    refused: list[RefusedDraft] = []

    @classmethod
    def of(cls, refined: Sequence[Refined], kind: Kind) -> RefinedDrafts:
        """Return what became of the drafts that were chosen.

        Args:
            refined: In the order of the choice.
            kind: What the request was of, which has its own names for fields.
        """
        results: list[RefinedDraft] = []
        refused: list[RefusedDraft] = []
        for one in refined:
            if one.result is None:
                detail = kind.own_details(one.refused)
                refused.append(RefusedDraft(draft=one.draft, detail=detail))
            else:
                results.append(RefinedDraft(draft=one.draft, **one.result.model_dump()))
        return cls(results=results, refused=refused)
