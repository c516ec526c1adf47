"""A language model of a few kilobytes: random weights over a few words, real files."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

WORDS = ("cat", "dog", "rain", "red", "slow", "light", "runs", "looks", "falls", "the", "a", "up")
TEMPLATE = "{% for m in messages %}{{ m['role'] }} {{ m['content'] }} {% endfor %}"


def write_tiny_writer(folder: Path, *, ends: bool = True, template: str | None = TEMPLATE) -> Path:
    """Write the checkpoint as `save_pretrained` does.

    Args:
        folder: Where to.
        ends: Whether it knows a token to end with.
        template: Chat template; None for a model that only goes on writing.
    """
    vocabulary = {word: number for number, word in enumerate(("<unk>", "</s>", *WORDS))}
    words = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="<unk>", eos_token="</s>", pad_token="</s>"
    )
    tokenizer.chat_template = template
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(vocabulary),
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            eos_token_id=1 if ends else None,
            bos_token_id=None,
        )
    )
    model.generation_config.suppress_tokens = [0]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
