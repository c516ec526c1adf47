"""Turn the prompt into what the model reads."""

from __future__ import annotations

from datetime import timedelta

from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from ltxv.engine import PromptWork
from ltxv.refs import EmbeddingRef
from tasks.gpu_time import gpu_time
from tasks.patience import kept
from tasks.stage import stage


@stage("encode_prompt", key=["work"], timeout=timedelta(minutes=15))
def encode_prompt(*, work: PromptWork, model: LTXModel, store: MediaStore) -> EmbeddingRef:
    """Run the text encoder; every run with the same text shares the outcome.

    Args:
        work: The text and the model's identity.
        model: Whose engine does it.
        store: Where the embeddings are kept.

    Raises:
        Misconfigured: The weights cannot be loaded, or memory ran out.
    """
    with gpu_time("encode_prompt"):
        content = model.engine().encode_prompt(work)
    stored = kept(content, folder="prompts", suffix=".safetensors", store=store)
    return EmbeddingRef(**stored.model_dump())
