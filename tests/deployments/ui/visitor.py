"""A person at the gateway's page."""

from __future__ import annotations

import base64
from pathlib import Path

from playwright.sync_api import Browser, Locator, Response

from tests.browser import Seen
from tests.conftest import SAMPLES
from tests.deployments.ui.conftest import Site

SMALL = {
    "Number of frames": "9",
    "First pass: steps": "2",
    "Second pass: steps": "2",
    "Second pass: initial steps left out": "1",
}
DROP = """
({ target, x, name, type, content }) => {
  const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, { type }));
  const at = { clientX: x, bubbles: true, cancelable: true, dataTransfer };
  document.getElementById(target).dispatchEvent(new DragEvent("drop", at));
}
"""
AXE = Path(__file__).parents[2] / "clients" / "node_modules" / "axe-core" / "axe.min.js"
BARRIERS = """
async () => (await axe.run()).violations.flatMap(({ id, help, nodes }) =>
  nodes.map(({ target, failureSummary }) => `${id} at ${target}: ${help}. ${failureSummary}`))
"""


class Visitor(Seen):
    """Someone who opened the gateway in a browser."""

    def __init__(self, browser: Browser, site: Site) -> None:
        super().__init__(browser)
        self.site = site
        self.said: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.goto(site.gateway)
        self.field("Resolution").wait_for(state="attached")  # from then on the page listens

    def field(self, label: str) -> Locator:
        """Return an input by its label."""
        return self.page.get_by_label(label, exact=True)

    def make_it_small(self) -> None:
        """Choose what the tiny checkpoint makes in seconds."""
        self.page.get_by_text("Settings", exact=True).click()
        self.field("Resolution").select_option("480p")
        self.field("Aspect ratio").select_option("1:1")
        for label, value in SMALL.items():
            self.field(label).fill(value)

    def drop(self, sample: str, type: str, *, target: str, share: float) -> None:
        """Drop a file at a share of the width of the line of frames."""
        box = self.page.locator("#ruler").bounding_box()
        assert box is not None
        content = base64.b64encode((SAMPLES / sample).read_bytes()).decode()
        x = box["x"] + share * box["width"]
        told = {"target": target, "x": x, "name": sample, "type": type, "content": content}
        self.page.evaluate(DROP, told)

    def barriers(self) -> list[str]:
        """Return what axe finds that keeps some people from using the page as it is now."""
        self.page.evaluate(AXE.read_text())
        found: list[str] = self.page.evaluate(BARRIERS)
        return found

    def send(self) -> Locator:
        """Send the form by keyboard; return the card of the request that came of it."""
        with self.page.expect_response("**/multiconditioning") as answer:
            self.field("Prompt").press("Control+Enter")
        return self._card(answer.value)

    def send_for_drafts(self) -> Locator:
        """Ask for drafts by keyboard; return the card of the request that came of it."""
        with self.page.expect_response("**/queue/**/drafts") as answer:
            self.field("Drafts").press("Enter")
        return self._card(answer.value)

    def _card(self, answer: Response) -> Locator:
        return self.page.locator(f"[data-id='{answer.json()['request_id']}']")
