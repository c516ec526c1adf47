"""Prompts in many wordings, encoded once: what is asked for, among words that ask for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ltxv.model.denoise import Prompt
from ltxv.model.text import encode_text
from ltxv.tiny.moves import LOOKS, MOVES

_SUBJECTS = (
    "",
    "a cat",
    "a cup of coffee on a table",
    "a quiet street at night, rain",
    "Portrait of an old man",
    "two boats, the sea",
    "a dog runs",
)
_WORDINGS = (
    "{subject}, {move}, {look}",
    "{move}, {look}, {subject}",
    "The camera: {move}. {subject} {look}",
    "{look} {subject} {move}",
)
_SYNONYMS = {
    "pan left": ("pans left", "camera moves left", "Pan left"),
    "pan right": ("pans right", "camera moves right", "panning right"),
    "pan up": ("pans up", "camera moves up", "Pan up"),
    "pan down": ("pans down", "moves down", "panning down"),
    "zoom in": ("zooms in", "Zoom in", "zooming closer"),
    "zoom out": ("zooms out", "Zoom out", "zooming away"),
    "hold": ("holds still", "static", "Hold"),
}
_LONGEST = 64


@dataclass(frozen=True)
class Phrases:
    """Encoded prompts of every move and look."""

    found: dict[tuple[str, str | None], list[tuple[Tensor, Tensor]]]

    def drawn(self, wanted: Sequence[tuple[str, str | None]]) -> Prompt:
        """Return one prompt for each wish."""
        drawn = []
        for wish in wanted:
            several = self.found[wish]
            drawn.append(several[int(torch.randint(len(several), ()))])
        embeds, masks = zip(*drawn, strict=True)
        return Prompt(torch.cat(embeds), torch.cat(masks).float())


@torch.no_grad()
def phrases(tokenizer: Any, text_encoder: Any, *, each: int = 16) -> Phrases:
    """Return ``each`` prompts for every move and look."""
    found = {}
    for move in MOVES:
        for look in (None, *LOOKS):
            texts = [_text(move, look) for _ in range(each)]
            encoded = [
                encode_text(tokenizer, text_encoder, text, max_tokens=_LONGEST) for text in texts
            ]
            found[move, look] = [(prompt.embeds, prompt.mask) for prompt in encoded]
    return Phrases(found)


def _text(move: str, look: str | None) -> str:
    wording, subject = _pick(_WORDINGS), _pick(_SUBJECTS)
    text = wording.format(subject=subject, move=_pick((move, *_SYNONYMS[move])), look=look or "")
    return text.strip(" ,")


def _pick(things: Sequence[str]) -> str:
    return things[int(torch.randint(len(things), ()))]
