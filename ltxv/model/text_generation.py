"""Text from a language model of transformers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from jinja2 import TemplateError
from transformers import AutoModelForCausalLM, AutoTokenizer

from ltxv.errors import Misconfigured, Transient
from ltxv.expansion import MAX_TOKENS, TEMPERATURE, TOP_P
from ltxv.local_language_model import Weights
from ltxv.model.holes import refuse_holes
from ltxv.model.sound_weights import check_folder, quiet

Turn = dict[str, str]

_lock = threading.Lock()


class _Loaded(NamedTuple):
    tokenizer: Any
    model: Any


def generated(weights: Weights, conversation: Sequence[Turn], *, seed: int, seconds: float) -> str:
    """Return what a model answers.

    Args:
        weights: Where they are, with the tokenizer; they stay loaded.
        conversation: A system turn and a user turn.
        seed: Of the sampling.
        seconds: Until it is given up.

    Raises:
        Transient: It took too long.
        Misconfigured: The weights are damaged or pickles, or it ran into the limit of tokens.
    """
    with _lock, quiet():
        loaded = _load(weights)
        inputs = _tokens(loaded.tokenizer, conversation).to(loaded.model.device)
        started = time.monotonic()
        with _seeded(seed, loaded.model.device), torch.inference_mode():
            output = loaded.model.generate(
                **inputs,
                max_new_tokens=MAX_TOKENS,
                max_time=seconds,
                do_sample=True,
                temperature=TEMPERATURE,
                top_p=TOP_P,
                pad_token_id=_padding(loaded),
            )[0]
        took = time.monotonic() - started
    answer = output[inputs["input_ids"].shape[1] :]
    if int(answer[-1]) not in _ends(loaded):
        if took >= seconds:
            raise Transient(f"the language model took longer than {seconds:g} seconds")
        raise Misconfigured(
            f"the language model went on past {MAX_TOKENS} tokens; choose another model"
        )
    return str(loaded.tokenizer.decode(answer, skip_special_tokens=True))


@lru_cache(maxsize=1)
def _load(weights: Weights) -> _Loaded:
    source = weights.source
    if source.folder is not None:
        check_folder(source.folder)
    where = {"revision": source.revision} if source.revision else {}
    tokenizer = AutoTokenizer.from_pretrained(source.location, **where, trust_remote_code=False)
    model, info = AutoModelForCausalLM.from_pretrained(
        source.location,
        **where,
        dtype=getattr(torch, weights.dtype),
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
    )
    refuse_holes(info)
    return _Loaded(tokenizer, model.to(weights.device).eval().requires_grad_(False))


def _tokens(tokenizer: Any, conversation: Sequence[Turn]) -> Any:
    if tokenizer.chat_template is None:  # it goes on writing where it is not talked to
        system, user = (turn["content"] for turn in conversation)
        return tokenizer(f"{system}\n\n{user}\nParagraph:", return_tensors="pt")
    try:
        return _templated(tokenizer, conversation)
    except TemplateError:  # some know no system turn
        whole = "\n\n".join(turn["content"] for turn in conversation)
        return _templated(tokenizer, [{"role": "user", "content": whole}])


def _templated(tokenizer: Any, conversation: Sequence[Turn]) -> Any:
    return tokenizer.apply_chat_template(
        list(conversation),
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
        enable_thinking=False,  # read by the templates of models that can
    )


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the global generators, which is all that sampling can use, and put them back."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _ends(loaded: _Loaded) -> set[int]:
    ends = loaded.model.generation_config.eos_token_id
    return {ends} if isinstance(ends, int) else set(ends or ())


def _padding(loaded: _Loaded) -> int | None:
    padding: int | None = loaded.tokenizer.pad_token_id
    return padding if padding is not None else next(iter(_ends(loaded)), None)
