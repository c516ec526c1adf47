"""Pages for the operator's eyes and not the caller's, such as what a verdict was made of."""

from __future__ import annotations

from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger

from tasks.progress import UNREACHABLE


def tell_operator(
    page: str, *, key: str, description: str = "For the operator: what the safety check said"
) -> None:
    """Attach a page to the run; a server that is away costs the page alone.

    Args:
        page: Markdown.
        key: Lower-case letters, digits and dashes.
        description: What the page is.
    """
    try:
        create_markdown_artifact(page, key=key, description=description)
    except UNREACHABLE as error:
        get_run_logger().warning("the run has no page %s: %s", key, error)
