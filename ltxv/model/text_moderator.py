"""A moderator model of the transformers library, loaded from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jinja2 import TemplateError
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from ltxv.device import default_dtype
from ltxv.errors import LTXError, Misconfigured
from ltxv.model.holes import refuse_holes
from ltxv.moderation import ANSWER_TOKENS

_FAULTS = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    RuntimeError,
    SafetensorError,
    TemplateError,
)


class TextModerator:
    """A causal language model that is asked for one short answer."""

    def __init__(self, folder: Path, *, device: str) -> None:
        """Load the weights.

        Args:
            folder: The checkpoint: configuration, tokenizer with a chat template, safetensors.
            device: Where it runs.

        Raises:
            Misconfigured: It cannot be loaded.
        """
        local = {"local_files_only": True, "trust_remote_code": False}
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, **local)
            model, info = AutoModelForCausalLM.from_pretrained(
                folder,
                **local,
                use_safetensors=True,
                dtype=getattr(torch, default_dtype(device)),
                output_loading_info=True,
            )
            refuse_holes(info)
            self._model: Any = model.eval().requires_grad_(False).to(device)
        except LTXError as fault:
            raise Misconfigured(f"the text moderator in {folder}: {fault}") from fault
        except _FAULTS as fault:
            raise _unusable(folder, fault) from fault
        self._folder = folder
        self._device = device

    @torch.inference_mode()
    def answer(self, text: str) -> str | None:
        """Return what the model says of a text, always the same; None if it is too long to read.

        Raises:
            Misconfigured: It has no chat template, or failed.
        """
        try:
            asked = self._tokenizer.apply_chat_template(
                [{"role": "user", "content": text}],
                add_generation_prompt=True,
                return_dict=True,
                return_tensors="pt",
            )
            length = asked["input_ids"].shape[1]
            if length + ANSWER_TOKENS > self._model.config.max_position_embeddings:
                return None
            said = self._model.generate(
                input_ids=asked["input_ids"].to(self._device),
                attention_mask=asked["attention_mask"].to(self._device),
                generation_config=self._greedy(),
            )
            answer: str = self._tokenizer.decode(said[0, length:], skip_special_tokens=True)
        except _FAULTS as fault:
            raise _unusable(self._folder, fault) from fault
        return answer

    def _greedy(self) -> GenerationConfig:
        """Return how to generate: of the checkpoint's own settings only where an answer ends."""
        own = self._model.generation_config
        ends = own.eos_token_id if own.eos_token_id is not None else self._tokenizer.eos_token_id
        return GenerationConfig(
            do_sample=False,
            max_new_tokens=ANSWER_TOKENS,
            eos_token_id=ends,
            pad_token_id=own.pad_token_id if own.pad_token_id is not None else _first(ends),
        )


def _first(ends: int | list[int] | None) -> int | None:
    return ends[0] if isinstance(ends, list) else ends


def _unusable(folder: Path, fault: Exception) -> Misconfigured:
    reason = str(fault).strip().split("\n", 1)[0] or type(fault).__name__
    return Misconfigured(
        f"the text moderator in {folder} cannot be used: {reason}; no prompt passes unjudged: see "
        "the folder or the repository, and the device"
    )
