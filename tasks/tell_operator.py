"""What a verdict was made of, for the operator's eyes and not the caller's."""

from __future__ import annotations

from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger

from tasks.progress import UNREACHABLE


def tell_operator(page: str, *, key: str) -> None:
    """Attach a page about a verdict to the run; a server that is away costs the page alone.

    Args:
        page: Markdown.
        key: Lower-case letters, digits and dashes.
    """
    try:
        create_markdown_artifact(
            page, key=key, description="For the operator: what the safety check said"
        )
    except UNREACHABLE as error:
        get_run_logger().warning("the verdict has no page: %s", error)
