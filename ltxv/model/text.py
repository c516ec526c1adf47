"""A prompt to what the transformer attends to."""

from __future__ import annotations

from typing import Any

from ltxv.model.denoise import Prompt


def encode_text(tokenizer: Any, text_encoder: Any, text: str, *, max_tokens: int) -> Prompt:
    """Return the T5 states of ``text``, padded or cut to ``max_tokens``, and their mask.

    The mask goes to the text encoder as well as to the transformer, as in the reference.
    """
    tokens = tokenizer(
        text.strip(),
        padding="max_length",
        max_length=max_tokens,
        truncation=True,
        return_tensors="pt",
    )
    device = text_encoder.device
    mask = tokens.attention_mask.to(device)
    states = text_encoder(tokens.input_ids.to(device), attention_mask=mask)
    return Prompt(embeds=states.last_hidden_state, mask=mask.bool())
