"""The frames that ffmpeg decoded, as its ``framecrc`` format lists them."""

from __future__ import annotations

from fractions import Fraction


class Listing:
    """Sizes and times of decoded frames: facts first, then a line for every frame.

    Attributes:
        width: As displayed, in pixels: rotation, cropping and the shape of the pixels applied.
        height: As displayed, in pixels.
        starts: When each is shown, in seconds, in that order.
        last: How long the last one is shown, in seconds; 0 if unknown.
    """

    def __init__(self, text: str) -> None:
        lines = text.splitlines()
        said = [line[1:].partition(":") for line in lines if line.startswith("#")]
        facts = {name.removesuffix(" 0"): value.strip() for name, _, value in said}
        width, _, height = facts.get("dimensions", "0x0").partition("x")
        # "0/1" stands for pixels of unknown shape.
        self.width = round(int(width) * (fraction(facts.get("sar", "")) or 1))
        self.height = int(height)
        base = fraction(facts.get("tb", ""))
        rows = [line.split(",") for line in lines if not line.startswith("#")]
        # Stream, decoding time, display time, duration, size, checksum.
        self.starts = sorted(int(row[2]) * base for row in rows)
        self.last = int(rows[-1][3]) * base if rows else Fraction(0)


def fraction(text: str) -> Fraction:
    """Return a fraction as ffmpeg writes it, 4/3 or 4:3; 0 for its ways to say "unknown"."""
    above, _, below = text.replace(":", "/").partition("/")
    if not (above.isdigit() and below.isdigit() and int(below)):
        return Fraction(0)
    return Fraction(int(above), int(below))
