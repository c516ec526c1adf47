"""What a person sees of a finished run in the Prefect UI."""

from __future__ import annotations

import json

from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger

from blocks.media_store import MediaStore
from flows.pictures import attach_picture
from ltxv.errors import LTXError
from ltxv.plain_text import markdown
from ltxv.plan import Plan
from ltxv.refs import Ref
from ltxv.request import MAX_PROMPT
from ltxv.result import File, VideoResult
from tasks.progress import UNREACHABLE

_DESCRIPTION_LENGTH = 500


def report(result: VideoResult, plan: Plan, *, sheet: Ref, store: MediaStore) -> None:
    """Attach a contact sheet and a page about the result to the flow run.

    The video is published by now: a report that cannot be made is a warning in the log.

    Args:
        result: What the caller gets.
        plan: What was decided.
        sheet: Contact sheet, JPEG.
        store: Where the sheet is.
    """
    try:
        attach_picture(
            store.get(sheet),
            "image/jpeg",
            key="contact-sheet",
            description=markdown(plan.prompt, most=_DESCRIPTION_LENGTH),
        )
        create_markdown_artifact(
            _page(result, plan), key="video", description="The clip, its stages and its plan"
        )
    except (LTXError, *UNREACHABLE) as error:
        get_run_logger().warning("the run has no full report: %s", error)


def _page(result: VideoResult, plan: Plan) -> str:
    video = result.video
    rows = "\n".join(
        f"| {record.name} | {record.state} | {record.seconds:.1f} | {record.gpu_seconds:.1f} |"
        for record in result.stages
    )
    size = f"{plan.width}x{plan.height}, {plan.frames} frames, {plan.frame_rate} fps"
    return f"""\
{_heading(video)}

{size}, {video.file_size / 1e6:.1f} MB, seed {result.seed}

> {markdown(result.prompt, most=MAX_PROMPT)}

| stage | state | seconds | GPU seconds |
|---|---|---|---|
{rows}

{_used(result)}

## Plan

```json
{json.dumps(plan.model_dump(mode="json"), indent=2)}
```
"""


def _used(result: VideoResult) -> str:
    if result.usage is None:
        return ""
    cost = "" if result.usage.cost is None else f", which cost {result.usage.cost:.4f}"
    return f"The GPU worked for {result.usage.gpu_seconds:.1f} s{cost}."


def _heading(video: File) -> str:
    """Return the clip's name, and how to open it; browsers follow no link from a page to a file."""
    if not video.url.startswith("file:"):
        return f"# [{video.file_name}]({video.url})"
    return f"""\
# {video.file_name}

`{video.url}`: paste this where that folder is; a `public_base_url` of the store's block makes it
a link."""
