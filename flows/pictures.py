"""Pictures on the page of a flow run."""

from __future__ import annotations

import base64

from prefect.artifacts import create_image_artifact


def attach_picture(content: bytes, content_type: str, *, key: str, description: str) -> None:
    """Attach a picture to the flow run.

    It goes in as a data URI, which every browser can show, whatever it may reach of the store.

    Args:
        content: The file.
        content_type: Its MIME type.
        key: Lower-case letters, digits and dashes.
        description: What the picture shows, Markdown.
    """
    picture = base64.b64encode(content).decode()
    create_image_artifact(f"data:{content_type};base64,{picture}", key=key, description=description)
