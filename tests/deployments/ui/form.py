"""A form that Prefect's UI makes of a JSON schema, filled in as a person does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Locator, Page


class Form:
    """The form on a page or in a dialog."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def field(self, label: str) -> Locator:
        """Return the input with a label; those that may be left out say so."""
        optional = self._page.get_by_label(f"{label} (Optional)", exact=True)
        return self._page.get_by_label(label, exact=True).or_(optional)

    def fill(self, values: Mapping[str, Any]) -> None:
        """Type values into fields, by their labels."""
        for label, value in values.items():
            self.field(label).fill(str(value))

    def choose(self, label: str, *options: str) -> None:
        """Take options from a drop-down."""
        self._page.get_by_label(f"Select {label}", exact=True).click()
        for option in options:
            self._page.get_by_role("option", name=option, exact=True).click()

    def add_item(self, label: str) -> None:
        """Add an item to a list."""
        named = self._page.get_by_text(f"{label} (Optional)", exact=True)
        place = named.locator("xpath=ancestor::div[contains(@class, 'group')][1]")
        place.get_by_role("button", name="Add item").click()
