"""Small damages to real bytes, the same ones for the same seed."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutations(content: bytes, *, count: int, seed: int = 0, head: int = 0) -> Iterator[bytes]:
    """Yield ``count`` damaged copies of ``content``.

    Args:
        content: What a program wrote.
        count: How many.
        seed: Of the damages.
        head: Half of them fall within the first bytes, where formats keep their structure; 0 for
            all over.
    """
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    for number in range(count):
        damaged = bytearray(content)
        reach = head if head and number % 2 else len(damaged)
        for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
            _damage(damaged, min(reach, len(damaged)), rng)
        yield bytes(damaged)


def _damage(content: bytearray, reach: int, rng: random.Random) -> None:
    if not reach:
        return
    at = rng.randrange(reach)
    length = rng.choice((1, 2, 4, 8, 64))
    match rng.randrange(20) % 7:  # 6, the cut, is rarer than the others
        case 0:
            content[at] ^= 1 << rng.randrange(8)
        case 1:
            content[at : at + length] = rng.randbytes(length)
        case 2:
            content[at : at + 4] = struct.pack(">I", rng.choice(_EXTREMES))
        case 3:
            content[at : at + 4] = struct.pack("<I", rng.choice(_EXTREMES))
        case 4:
            del content[at : at + length]
        case 5:
            content[at:at] = content[at : at + length]
        case _:
            del content[at:]
