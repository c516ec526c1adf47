"""Judges of a few kilobytes with random weights, in the files that real ones come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import (
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
)

LABELS = ("normal", "nsfw")
SIDE = 32


def write_classifier(
    folder: Path,
    *,
    leaning: Sequence[float] = (0, 0),
    labels: Sequence[str] = LABELS,
    problem_type: str | None = None,
    seed: int = 0,
) -> str:
    """Write a ViT whose head leans towards some labels, and return its folder's path.

    Args:
        folder: Where to.
        leaning: Bias of each label; 20 more than the others makes it certain.
        labels: Their names.
        problem_type: As transformers calls it.
        seed: Of the weights.
    """
    torch.manual_seed(seed)
    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=SIDE,
        patch_size=8,
        num_labels=len(labels),
        problem_type=problem_type,
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )
    model = ViTForImageClassification(config)
    with torch.no_grad():
        model.classifier.weight.normal_(std=0.5)
        model.classifier.bias.copy_(torch.tensor(leaning, dtype=torch.float32))
    model.save_pretrained(folder)
    ViTImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return str(folder)


def write_moderator(
    folder: Path, says: Mapping[str, str], *, otherwise: str, longest: int = 512
) -> str:
    """Write a Qwen3 model that answers by the last word it is asked about.

    Whole answers are tokens of its vocabulary, and its layers are empty: the embedding of a word
    points at the answer to it, that of an answer at the end.

    Args:
        folder: Where to.
        says: Its answer to each word.
        otherwise: Its answer to all others.
        longest: How many tokens it can read.

    Returns:
        The folder's path.
    """
    answers = list(dict.fromkeys([otherwise, *says.values()]))
    words = dict.fromkeys(["<end>", "<other>", *says, *answers])
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<other>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>", unk_token="<other>"
    )
    wrapped.chat_template = "{{ messages[0]['content'] }}"
    wrapped.save_pretrained(folder)
    config = Qwen3Config(
        vocab_size=len(vocabulary),
        hidden_size=len(vocabulary) * 2,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=longest,
        tie_word_embeddings=False,
        eos_token_id=vocabulary["<end>"],
        pad_token_id=vocabulary["<end>"],
        bos_token_id=None,
    )
    model = Qwen3ForCausalLM(config)
    follows = {word: vocabulary[says.get(word, otherwise)] for word in vocabulary}
    follows |= dict.fromkeys(answers, vocabulary["<end>"])
    with torch.no_grad():
        model.model.layers[0].self_attn.o_proj.weight.zero_()
        model.model.layers[0].mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.zero_()
        model.lm_head.weight.zero_()
        for word, token in vocabulary.items():
            model.model.embed_tokens.weight[token, follows[word]] = 1
            model.lm_head.weight[token, token] = 1
    model.save_pretrained(folder)
    return str(folder)
