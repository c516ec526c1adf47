"""The frames that ffmpeg decoded, as its ``framecrc`` format lists them."""

from __future__ import annotations

from fractions import Fraction

# Matroska's times are whole milliseconds; a stated rate may be that far from the measured one.
_ROUNDING = Fraction(2, 1000)
_LIKENESS = Fraction(1, 100)


class Listing:
    """Sizes and times of decoded frames: facts first, then a line for every frame.

    Attributes:
        width: As displayed, in pixels: rotation, cropping and the shape of the pixels applied.
        height: As displayed, in pixels.
        frames: How many there are.
        span: Seconds from the first frame to the last.
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
        starts = [int(row[2]) for row in rows] or [0]
        self.frames = len(rows)
        self.span = (max(starts) - min(starts)) * base
        self.last = int(rows[-1][3]) * base if rows else Fraction(0)

    def rate(self, stated: Fraction) -> Fraction:
        """Return frames a second: the stated average where the frames bear it out, else theirs.

        Containers round times, so that the stated rate is the more exact one where it is true at
        all; it is a guess where the recorder stated none. 0 if there is no telling.
        """
        gaps = self.frames - 1
        if gaps < 1:
            return stated or (1 / self.last if self.last else Fraction(0))
        if not self.span:
            return Fraction(0)
        if stated and abs(gaps / stated - self.span) <= self.span * _LIKENESS + _ROUNDING:
            return stated
        return gaps / self.span


def fraction(text: str) -> Fraction:
    """Return a fraction as ffmpeg writes it, 4/3 or 4:3; 0 for its ways to say "unknown"."""
    above, _, below = text.replace(":", "/").partition("/")
    if not (above.isdigit() and below.isdigit() and int(below)):
        return Fraction(0)
    return Fraction(int(above), int(below))
