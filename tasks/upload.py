"""Put the finished clip where its caller can open it."""

from __future__ import annotations

from datetime import timedelta

from blocks.media_store import MediaStore
from blocks.media_store.keys import OUTPUTS
from ltxv.refs import MediaRef, Ref
from tasks.stage import stage


@stage("upload", key=["clip", "name"], timeout=timedelta(hours=1))
def upload(*, clip: MediaRef, name: str, store: MediaStore) -> Ref:
    """Publish a clip under ``name``; nobody ever sees half of it.

    Args:
        clip: The clip.
        name: Its name among the store's outputs.
        store: Where it is and goes.

    Raises:
        Misconfigured: The store refuses the write.
        Transient: The store cannot be reached.
    """
    with store.open(clip) as file:
        store.publish(file, name=name, content_type=clip.content_type)
    return Ref(path=f"{OUTPUTS}/{name}", sha256=clip.sha256, size=clip.size)
