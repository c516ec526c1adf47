"""Contact sheets."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ltxv.media.sheet import contact_sheet


def grey_ramp(count: int, height: int = 36, width: int = 64) -> np.ndarray:
    """Return frames that brighten from black to white."""
    levels = np.linspace(0, 255, count).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (count, height, width, 3)).copy()


def test_a_sheet_shows_the_clip_from_first_to_last() -> None:
    """Cells follow the clip evenly, row by row, the first and the last frame included."""
    content = contact_sheet(grey_ramp(49), frame_rate=24, cells=8, columns=4, width=800)
    sheet = np.asarray(Image.open(io.BytesIO(content)).convert("L")).astype(int)
    assert sheet.shape[1] == 800
    height = sheet.shape[0] // 2
    centres = [
        sheet[height * row + 40, 100 + 198 * column] for row in (0, 1) for column in range(4)
    ]
    assert centres == pytest.approx(np.linspace(0, 255, 8), abs=8)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_short_clips_have_smaller_sheets(count: int) -> None:
    """A clip with fewer frames than cells shows each of them once."""
    content = contact_sheet(grey_ramp(count), frame_rate=24)
    assert Image.open(io.BytesIO(content)).size[0] == 1280
