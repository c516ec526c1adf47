"""The reference's way to prepare conditioning media: an H.264 file in memory for every frame.

Lightricks/LTX-Video, ``inference.py`` and ``crf_compressor.py``: each frame is cropped with PIL,
blurred as a tensor, encoded alone by PyAV, and decoded again.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from ltxv.engine import Frames

_TAPS = np.exp(-0.5 * np.array([-1.0, 0.0, 1.0]) ** 2)
"""Kernel 3, sigma 1, as torchvision's ``gaussian_blur`` makes it."""


def prepare(source: Path, *, aspect: tuple[int, int], crf: int, threads: int = 0) -> Frames:
    """Return the prepared frames of a picture or a clip.

    Args:
        source: The file.
        aspect: Width and height whose ratio it is cropped to.
        crf: x264's constant rate factor.
        threads: Threads of x264; 0 lets it choose, as the reference does.
    """
    frames = []
    for picture in _pictures(source):
        frame = _blurred(np.asarray(_cropped(picture, aspect)))
        height, width = (side // 2 * 2 for side in frame.shape[:2])
        file = io.BytesIO()
        _encode(file, np.ascontiguousarray(frame[:height, :width]), crf, threads)
        file.seek(0)
        frames.append(_decode(file))
    return np.stack(frames)


def _pictures(source: Path) -> Iterator[Image.Image]:
    if source.suffix == ".jpg":
        yield Image.open(source).convert("RGB")
        return
    with av.open(str(source)) as container:
        for frame in container.decode(video=0):
            yield frame.to_image()


def _cropped(picture: Image.Image, aspect: tuple[int, int]) -> Image.Image:
    ratio, (width, height) = aspect[0] / aspect[1], picture.size
    if width / height > ratio:
        across, down = int(height * ratio), height
    else:
        across, down = width, int(width / ratio)
    left, top = (width - across) // 2, (height - down) // 2
    return picture.crop((left, top, left + across, top + down))


def _blurred(picture: Frames) -> Frames:
    taps = torch.from_numpy(_TAPS / _TAPS.sum()).float()
    kernel = (taps[:, None] * taps[None, :]).expand(3, 1, 3, 3)
    planes = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255
    padded = functional.pad(planes, (1, 1, 1, 1), mode="reflect")
    found = functional.conv2d(padded, kernel, groups=3)[0].permute(1, 2, 0)
    blurred: Frames = (found * 255).byte().numpy()
    return blurred


def _encode(file: io.BytesIO, frame: Frames, crf: int, threads: int) -> None:
    options = {"crf": str(crf), "preset": "veryfast"}
    if threads:
        options["threads"] = str(threads)
    with av.open(file, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=1, options=options)
        stream.height, stream.width = frame.shape[:2]
        coded = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="yuv420p")
        container.mux(stream.encode(coded))
        container.mux(stream.encode())


def _decode(file: io.BytesIO) -> Frames:
    with av.open(file) as container:
        frame: Any = next(iter(container.decode(video=0)))
        decoded: Frames = frame.to_ndarray(format="rgb24")
        return decoded
