"""A person who looks at runs in Prefect's UI."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from playwright.sync_api import Browser, expect
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun

from tests.browser import Seen
from tests.deployments.ui.conftest import Site
from tests.deployments.ui.form import Form
from tests.flows.conftest import small_request

RUN_SECONDS = 120


def ask(client: SyncPrefectClient, deployment: str, *, drafts: int = 0, **fields: Any) -> UUID:
    """Have a run made of a small request."""
    parameters = {"request": small_request(**fields).model_dump(mode="json")}
    if drafts:
        parameters["drafts"] = drafts
    found = client.read_deployment_by_name(deployment)
    return client.create_flow_run_from_deployment(found.id, parameters=parameters).id


class Visit(Seen):
    """A person at the UI."""

    def __init__(self, browser: Browser, site: Site, client: SyncPrefectClient) -> None:
        super().__init__(browser)
        self.site = site
        self.client = client
        self.form = Form(self.page)

    def look_at(self, run: UUID) -> None:
        """Go to a run's page."""
        self.page.goto(f"{self.site.url}/v2/runs/flow-run/{run}")

    def open_form(self, deployment: str) -> None:
        """Open a deployment's run form."""
        found = self.client.read_deployment_by_name(deployment)
        self.page.goto(f"{self.site.url}/v2/deployments/deployment/{found.id}")
        self.page.get_by_role("button", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Custom run").click()
        expect(self.form.field("Prompt")).to_be_visible()

    def submit(self) -> None:
        """Send the form."""
        self.page.get_by_role("button", name="Submit").click()

    @property
    def run(self) -> FlowRun:
        """The run whose page is open, as the server has it."""
        self.page.wait_for_url("**/runs/flow-run/**")
        return self.client.read_flow_run(UUID(urlsplit(self.page.url).path.rpartition("/")[2]))

    def expect_state(self, name: str) -> None:
        """Wait until the run's page shows a state, which is the one it has."""
        assert self.run
        badge = self.page.get_by_role("main").get_by_text(name, exact=True).first
        expect(badge).to_be_visible(timeout=RUN_SECONDS * 1000)
        assert self.run.state_name == name

    def menu(self, entry: str) -> None:
        """Choose from the run's menu."""
        self.page.get_by_role("button").filter(
            has=self.page.locator("svg.lucide-ellipsis-vertical")
        ).first.click()
        self.page.get_by_role("menuitem", name=entry).click()

    @contextmanager
    def artifact(self, key: str) -> Iterator[None]:
        """Open what the run attached, from its list to the newest of that name, and go back."""
        self.page.get_by_role("tab", name="Artifacts").click()
        self.page.get_by_role("heading", name=key, exact=True).click()
        self.page.locator("[data-testid^=timeline-card] a").first.click()
        yield
        self.page.go_back()
        self.page.go_back()
