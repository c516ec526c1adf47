"""Sizes against the published table of the reference's arithmetic."""

from __future__ import annotations

import pytest

from ltxv.geometry import (
    Size,
    first_pass_size,
    output_size,
    padded_frames,
    padded_size,
    padding,
    second_pass_size,
    tokens,
)

TABLE = [
    # request, padded, pass 1, pass 2, tokens of both at 121 frames
    ((1280, 720), (1280, 736), (832, 480), (1664, 960), (6240, 24960)),
    ((1280, 704), (1280, 704), (832, 448), (1664, 896), (5824, 23296)),
    ((720, 720), (736, 736), (480, 480), (960, 960), (3600, 14400)),
    ((704, 704), (704, 704), (448, 448), (896, 896), (3136, 12544)),
    ((854, 480), (864, 480), (544, 288), (1088, 576), (2448, 9792)),
    ((832, 480), (832, 480), (544, 288), (1088, 576), (2448, 9792)),
    ((480, 480), (480, 480), (288, 288), (576, 576), (1296, 5184)),
    # Sides where 0.6666666 and 2/3 part: 1152 gives 736, not 768; 960 gives 608; 192 gives 96.
    ((1152, 768), (1152, 768), (736, 480), (1472, 960), (5520, 22080)),
    ((960, 192), (960, 192), (608, 96), (1216, 192), (912, 3648)),
]


@pytest.mark.parametrize(("size", "padded", "first", "second", "counts"), TABLE)
def test_sizes_are_the_published_ones(
    size: tuple[int, int],
    padded: tuple[int, int],
    first: tuple[int, int],
    second: tuple[int, int],
    counts: tuple[int, int],
) -> None:
    """Padding, both passes and their tokens follow the reference's arithmetic."""
    wanted = Size(*size)
    assert padded_size(wanted) == padded
    assert first_pass_size(wanted) == first
    assert second_pass_size(wanted) == second
    assert tokens(first_pass_size(wanted), 121) == counts[0]
    assert tokens(second_pass_size(wanted), 121) == counts[1]


@pytest.mark.parametrize(
    ("frames", "padded"), [(121, 121), (120, 121), (122, 129), (2, 9), (1, 1), (9, 9), (10, 17)]
)
def test_frames_are_padded_to_8k_plus_1(frames: int, padded: int) -> None:
    """A frame count grows to the next 8k+1."""
    assert padded_frames(frames) == padded


def test_padding_brings_a_size_to_its_padded_one() -> None:
    """What is added on the four sides makes up the difference; the odd pixel goes last."""
    assert padding(Size(1280, 720)) == (0, 0, 8, 8)
    assert padding(Size(854, 480)) == (5, 5, 0, 0)
    assert padding(Size(479, 33)) == (0, 1, 15, 16)


@pytest.mark.parametrize(
    ("resolution", "aspect", "size"),
    [
        ("720p", "16:9", (1280, 720)),
        ("720p", "9:16", (720, 1280)),
        ("720p", "1:1", (720, 720)),
        ("480p", "16:9", (854, 480)),
        ("480p", "9:16", (480, 854)),
        ("480p", "1:1", (480, 480)),
    ],
)
def test_named_sizes(resolution: str, aspect: str, size: tuple[int, int]) -> None:
    """A named aspect ratio has one size, whatever the first item is."""
    assert output_size(resolution, aspect, first_item=Size(300, 100)) == size


@pytest.mark.parametrize(
    ("item", "size"),
    [
        (None, (1280, 720)),
        ((1920, 1080), (1280, 720)),
        ((400, 400), (960, 960)),
        ((600, 400), (1176, 784)),
        ((10_000, 10), (1466, 628)),
        ((10, 10_000), (628, 1466)),
    ],
)
def test_auto_keeps_the_first_items_aspect(
    item: tuple[int, int] | None, size: tuple[int, int]
) -> None:
    """The area stays 720p's, both sides are even, and 21:9 is the end of it."""
    first = None if item is None else Size(*item)
    assert output_size("720p", "auto", first_item=first) == size
