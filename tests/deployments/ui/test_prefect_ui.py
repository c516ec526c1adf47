"""What a person does in Prefect's UI, in a real browser at a real server with a real worker."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from playwright.sync_api import Browser, expect
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.browser import Seen
from tests.deployments.ui.conftest import Site
from tests.deployments.ui.form import Form
from tests.flows.conftest import small_request

pytestmark = pytest.mark.slow

RUN_SECONDS = 120
STATISTICS = "https://sr-client-cfg.amplitude.com/"
"""Prefect's page asks there how to count, even where it may not; it does without an answer."""
SMALL = {
    "Number of frames": 9,
    "First pass: steps": 2,
    "Second pass: steps": 2,
    "Second pass: initial steps left out": 1,
}
LONG = {"first_pass_number_of_steps": 20, "second_pass_number_of_steps": 20}


def ask(client: SyncPrefectClient, deployment: str, *, drafts: int = 0, **fields: Any) -> UUID:
    """Have a run made of a small request."""
    parameters = {"request": small_request(**fields).model_dump(mode="json")}
    if drafts:
        parameters["drafts"] = drafts
    found = client.read_deployment_by_name(deployment)
    return client.create_flow_run_from_deployment(found.id, parameters=parameters).id


@pytest.fixture(scope="module", autouse=True)
def drafted(site: Site) -> UUID:
    """A run that makes drafts while other tests go on."""
    with temporary_settings({PREFECT_API_URL: site.api}), get_client(sync_client=True) as client:
        return ask(client, "draft-videos/gpu", drafts=2)


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


@pytest.fixture
def visit(site: Site, browser: Browser) -> Iterator[Visit]:
    """Someone who opens the UI; at the end nothing of it came from elsewhere."""
    with temporary_settings({PREFECT_API_URL: site.api}), get_client(sync_client=True) as client:
        made = Visit(browser, site, client)
        yield made
    assert [url for url in made.elsewhere if not url.startswith(STATISTICS)] == []


def test_the_form_makes_a_video_that_opens(visit: Visit) -> None:
    """Filled in and sent, it becomes a run whose page shows progress, pictures and the clip."""
    visit.open_form("generate-video/gpu")
    form = visit.form
    form.fill({"Prompt": "a cat looks up"})
    form.add_item("Images")
    form.fill({"Image URL": f"{visit.site.files}/cat.jpg"})
    visit.keep("ui-form")
    form.choose("Resolution", "480p")
    form.choose("Aspect ratio", "1:1")
    form.fill(SMALL)
    visit.submit()
    visit.page.get_by_role("link", name="View run").click()
    visit.expect_state("Completed")
    with visit.artifact("second-pass"):
        expect(visit.page.get_by_text("Progress: 100%")).to_be_visible()
    with visit.artifact("contact-sheet"):
        expect(visit.page.get_by_alt_text("artifact-image")).to_be_visible()
        visit.keep("ui-sheet")
    visit.page.get_by_role("tab", name="Artifacts").click()
    visit.keep("ui-run")
    with visit.artifact("video"):
        ran = visit.page.get_by_role("row", name=re.compile("first_pass ran"))
        expect(ran).to_be_visible()
        visit.keep("ui-video")
        clip = visit.page.get_by_role("link", name=re.compile(r"\.mp4$")).get_attribute("href")
    visit.page.goto(str(clip))
    playing = visit.page.locator("video")
    expect(playing).to_be_visible()
    assert playing.evaluate("video => video.videoWidth") == 480


def test_the_form_says_what_to_mend(visit: Visit) -> None:
    """A value out of its range, and a prompt that is missing, are told at their fields."""
    visit.open_form("generate-video/gpu")
    frames = visit.form.field("Number of frames")
    frames.fill("5")
    visit.submit()
    told = frames.evaluate("input => input.validationMessage")
    assert told == "Value must be greater than or equal to 9."
    frames.fill("9")
    visit.form.add_item("Images")
    visit.form.fill({"Image URL": f"{visit.site.files}/cat.jpg", "Start frame": 5})
    visit.submit()
    expect(visit.page.get_by_text("'prompt' is a required property")).to_be_visible()
    expect(visit.page.get_by_text("5 is not a multiple of 8")).to_be_visible()
    visit.form.field("Prompt").scroll_into_view_if_needed()
    visit.keep("ui-mistakes")


def test_drafts_are_chosen_in_the_form_of_their_run(visit: Visit, drafted: UUID) -> None:
    """The suspended run offers its numbers, asks for one, and goes on with the one chosen."""
    visit.look_at(drafted)
    visit.expect_state("Suspended")
    visit.menu("Resume")
    resume = visit.page.get_by_role("button", name="Resume")
    resume.click()
    expect(visit.page.get_by_text("'drafts' is a required property")).to_be_visible()
    visit.form.choose("Drafts", "2")
    visit.page.keyboard.press("Escape")
    expect(visit.form.field("Second pass: steps")).to_be_visible()
    visit.keep("ui-choice")
    resume.click()
    visit.expect_state("Completed")


def test_a_run_is_cancelled(visit: Visit) -> None:
    """Cancel, in the menu of a run in its pass, ends it."""
    visit.look_at(ask(visit.client, "generate-video/gpu", number_of_frames=121, **LONG))
    visit.expect_state("Running")
    visit.menu("Cancel")
    visit.page.get_by_role("button", name="Cancel Flow Run").click()
    until = time.monotonic() + RUN_SECONDS
    while not visit.run.state.is_final():
        assert time.monotonic() < until
        time.sleep(0.3)
    visit.page.reload()
    visit.expect_state("Cancelled")
