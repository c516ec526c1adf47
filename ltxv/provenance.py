"""What a finished file says of itself, and what it is called."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import Field

from ltxv import __version__
from ltxv.frozen import Frozen
from ltxv.plain_text import one_line
from ltxv.plan import Plan
from ltxv.refs import MediaRef
from ltxv.request import VideoRequest

SIGNED = "signed"
"""Name of the tag's field that says whether there must be a signature."""

_LIBRARIES = ("diffusers", "torch", "transformers")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_NAME_LENGTH = 40
_TITLE_LENGTH = 120


class Provenance(Frozen):
    """The tags of a finished mp4."""

    title: str
    comment: str = Field(description="JSON: generator, model, seed, request, AI-generated mark.")

    @property
    def claims(self) -> Mapping[str, Any]:
        """What the comment says."""
        said: Mapping[str, Any] = json.loads(self.comment)
        return said


def provenance(
    request: VideoRequest,
    plan: Plan,
    media: Sequence[MediaRef],
    *,
    quality: str = "high",
    signed: bool = False,
) -> Provenance:
    """Return the tags that say how a clip was made, and that a machine made it.

    Media are named by the digest of their content; their URLs may hold secrets. The request is
    told with the prompt that was used, so that it makes the clip again without a language model.

    Args:
        request: What was asked.
        plan: What was decided.
        media: The request's images and videos, in this order.
        quality: How much detail the mp4 keeps.
        signed: Whether Content Credentials follow, so that a file without them was changed.
    """
    asked = request.model_dump(mode="json", exclude={"images", "videos", "loras", "seed"})
    kinds = ["image"] * len(request.images) + ["video"] * len(request.videos)
    items = zip(kinds, [*request.images, *request.videos], strict=True)
    asked["media"] = [
        {
            "kind": kind,
            "sha256": found.sha256,
            **item.model_dump(mode="json", exclude={"image_url", "video_url"}),
        }
        for (kind, item), found in zip(items, media, strict=True)
    ]
    asked |= {"prompt": plan.prompt, "expand_prompt": False}
    asked["loras"] = [lora.model_dump(exclude={"position"}) for lora in plan.loras]
    comment = {
        "generator": f"LTX Flows {__version__}",
        "versions": _versions(),
        "ai_generated": True,
        SIGNED: signed,
        "model": plan.model.model_dump(mode="json"),
        "seed": plan.seed,
        "request": asked,
        "quality": quality,
    }
    if plan.prompt_by is not None:
        comment["expansion"] = {"of": request.prompt, "by": plan.prompt_by}
    return Provenance(
        title=one_line(plan.prompt, most=_TITLE_LENGTH),
        comment=json.dumps(comment, sort_keys=True, ensure_ascii=False),
    )


def _versions() -> dict[str, str]:
    """Return the versions of the libraries that do the arithmetic, without loading them."""
    found = {}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:  # a process that only orchestrates
            continue
    return found


def file_name(plan: Plan, clip: MediaRef) -> str:
    """Return a name that tells clips apart: start of the prompt, seed, start of the digest."""
    plain = unicodedata.normalize("NFKD", plan.prompt).encode("ascii", "ignore").decode().lower()
    slug = _NOT_IN_NAMES.sub("-", plain)[:_NAME_LENGTH].strip("-") or "video"
    return f"{slug}-{plan.seed}-{clip.sha256[:8]}.mp4"
