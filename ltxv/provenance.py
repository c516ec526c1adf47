"""What a finished file says of itself, and what it is called."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence

from pydantic import Field

from ltxv import __version__
from ltxv.frozen import Frozen
from ltxv.plan import Plan
from ltxv.refs import MediaRef
from ltxv.request import VideoRequest

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_NAME_LENGTH = 40
_TITLE_LENGTH = 120


class Provenance(Frozen):
    """The tags of a finished mp4."""

    title: str
    comment: str = Field(description="JSON: generator, model, seed, request, AI-generated mark.")


def provenance(request: VideoRequest, plan: Plan, media: Sequence[MediaRef]) -> Provenance:
    """Return the tags that say how a clip was made, and that a machine made it.

    Media are named by the digest of their content; their URLs may hold secrets.
    """
    asked = request.model_dump(mode="json", exclude={"images", "videos", "seed"})
    items = [*request.images, *request.videos]
    asked["media"] = [
        {
            "sha256": found.sha256,
            **item.model_dump(mode="json", exclude={"image_url", "video_url"}),
        }
        for item, found in zip(items, media, strict=True)
    ]
    comment = {
        "generator": f"LTX Flows {__version__}",
        "ai_generated": True,
        "model": plan.model.model_dump(mode="json"),
        "seed": plan.seed,
        "request": asked,
    }
    return Provenance(
        title=plan.prompt[:_TITLE_LENGTH],
        comment=json.dumps(comment, sort_keys=True, ensure_ascii=False),
    )


def file_name(plan: Plan, clip: MediaRef) -> str:
    """Return a name that tells clips apart: start of the prompt, seed, start of the digest."""
    plain = unicodedata.normalize("NFKD", plan.prompt).encode("ascii", "ignore").decode().lower()
    slug = _NOT_IN_NAMES.sub("-", plain)[:_NAME_LENGTH].strip("-") or "video"
    return f"{slug}-{plan.seed}-{clip.sha256[:8]}.mp4"
