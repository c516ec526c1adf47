"""Frames that arrive as bytes."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import numpy as np

from ltxv.engine import Frames


def frames_in(response: httpx.Response, shape: tuple[int, int, int]) -> Iterator[Frames]:
    """Yield a response's frames one by one, each as soon as it is whole; half of one is left out.

    Args:
        response: Raw frames, one behind the other.
        shape: (height, width, 3) of each.
    """
    frame, filled = _empty(shape)
    at = 0
    for chunk in response.iter_bytes():
        given = np.frombuffer(chunk, np.uint8)
        while len(given):
            part, given = given[: len(filled) - at], given[len(filled) - at :]
            filled[at : at + len(part)] = part
            at += len(part)
            if at == len(filled):
                yield frame
                frame, filled = _empty(shape)
                at = 0


def _empty(shape: tuple[int, int, int]) -> tuple[Frames, Frames]:
    """Return room for a frame, and the same room as a line of bytes."""
    frame: Frames = np.empty((1, *shape), np.uint8)
    return frame, frame.reshape(-1)
