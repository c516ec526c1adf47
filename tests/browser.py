"""A real browser for the tests of what people see."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

PICTURES = "LTX_PICTURES"
"""Folder that `make pictures` has the tests write what they see to."""

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = [
    "--no-sandbox",  # it runs as root in containers, and opens nothing but this suite's pages
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_SIZE = {"width": 1280, "height": 900}
_SECONDS = 30
_SETTLED_MS = 500
_COLOURS = 96
_HERE = ("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium with nobody's profile.

    While it is there an event loop runs in this thread, which Prefect's calls take for their own:
    save blocks before asking for it.
    """
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.fail("there is no Chromium on the PATH; `make browser` installs one")
    expect.set_options(timeout=_SECONDS * 1000)  # a busy machine
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=_FLAGS)


class Seen:
    """A page, and what it asked of whom."""

    def __init__(self, browser: Browser) -> None:
        context = browser.new_context(viewport=_SIZE, reduced_motion="reduce")  # type: ignore[arg-type]
        context.set_default_timeout(_SECONDS * 1000)
        self.page: Page = context.new_page()
        self.elsewhere: list[str] = []
        self.page.on("request", lambda request: self._asked(request.url))

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname not in _HERE:
            self.elsewhere.append(url)

    def keep(self, name: str, *, whole: bool = False, listens: bool = False) -> None:
        """Keep what is seen as a small picture for the docs, if they are being made.

        Of a page that listens to a stream the network is never idle.
        """
        folder = os.environ.get(PICTURES)
        if folder is None:
            return
        if not listens:
            self.page.wait_for_load_state("networkidle")
        self.page.wait_for_timeout(_SETTLED_MS)
        picture = Image.open(io.BytesIO(self.page.screenshot(full_page=whole))).convert("RGB")
        small = picture.quantize(_COLOURS, dither=Image.Dither.NONE)
        small.save(Path(folder, f"{name}.png"), optimize=True)
