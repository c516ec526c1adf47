"""What lies where in the width of the tiny transformer, and how sharply it looks."""

from __future__ import annotations

from ltxv.tiny.autoencoder import LATENT_CHANNELS
from ltxv.tiny.words import MEANINGS

HEADS, HEAD_SIZE, LAYERS = 12, 32, 2
WIDTH = HEADS * HEAD_SIZE

PICTURE = LATENT_CHANNELS
"""First channel of the clean picture as it is gathered from conditioned frames; the noisy latent
lies before it."""
AROUND = 2 * LATENT_CHANNELS
"""First channel of the picture's four neighbours."""
AROUND_EACH = 24
TIME = AROUND + 4 * AROUND_EACH
WORDS = TIME + 6
PLACES = (WORDS + len(MEANINGS), WORDS + len(MEANINGS) + 1)
"""Channels that fall from left to right and from top to bottom."""
CLEAN = WIDTH - 1
"""The channel that tells clean tokens (1) from noisy ones (-1)."""

FOCUS = 2.3
"""Of the norms of queries and keys: how sharply a head looks at one place."""
DUMP = 20.0
"""What noisy tokens put where no query looks, so that they are overlooked."""
