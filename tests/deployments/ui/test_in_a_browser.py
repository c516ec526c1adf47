"""What people do in Prefect's UI and on the gateway's page: a real browser, worker and gateway."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest
from playwright.sync_api import Browser, expect
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.settings import PREFECT_API_URL, temporary_settings

from blocks.media_store import MediaStore
from deployments.gateway.access.key_ring import KeyRing
from tests.deployments.ui.conftest import Site
from tests.deployments.ui.visit import RUN_SECONDS, Visit, ask
from tests.deployments.ui.visitor import Visitor

pytestmark = pytest.mark.slow

HOSTILE = "a cat looks up <img src=x onerror=alert(1)>"
STATISTICS = "https://sr-client-cfg.amplitude.com/"
"""Prefect's page asks there how to count, even where it may not; it does without an answer."""
SMALL = {
    "Number of frames": 9,
    "First pass: steps": 2,
    "Second pass: steps": 2,
    "Second pass: initial steps left out": 1,
}
LONG = {"first_pass_number_of_steps": 20, "second_pass_number_of_steps": 20}


@pytest.fixture(scope="module", autouse=True)
def drafted(site: Site) -> UUID:
    """A run that makes drafts while other tests go on."""
    with temporary_settings({PREFECT_API_URL: site.api}), get_client(sync_client=True) as client:
        return ask(client, "draft-videos/gpu", drafts=2)


@pytest.fixture
def visit(site: Site, browser: Browser) -> Iterator[Visit]:
    """Someone who opens the UI; at the end nothing of it came from elsewhere."""
    with temporary_settings({PREFECT_API_URL: site.api}), get_client(sync_client=True) as client:
        made = Visit(browser, site, client)
        yield made
    assert [url for url in made.elsewhere if not url.startswith(STATISTICS)] == []


@pytest.fixture
def visitor(site: Site, browser: Browser) -> Iterator[Visitor]:
    """Someone at the page; nothing came from elsewhere, and nothing was blocked or went wrong."""
    made = Visitor(browser, site)
    yield made
    assert made.elsewhere == []
    refused = "Failed to load resource"  # what a request was answered; a clip that was taken out
    assert [said for said in made.said if not said.startswith(refused)] == []


@pytest.fixture
def nobody_works(site: Site) -> Iterator[None]:
    """The pool of the worker is paused."""
    with temporary_settings({PREFECT_API_URL: site.api}), get_client(sync_client=True) as client:
        client.update_work_pool("gpu", WorkPoolUpdate(is_paused=True))
        yield
        client.update_work_pool("gpu", WorkPoolUpdate(is_paused=False))


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
    with visit.page.expect_response("**/create_flow_run") as made:
        visit.submit()
    visit.look_at(made.value.json()["id"])
    visit.expect_state("Completed")
    with visit.artifact("second-pass"):
        expect(visit.page.get_by_text("Progress: 100%")).to_be_visible()
    with visit.artifact("contact-sheet"):
        expect(visit.page.get_by_alt_text("artifact-image")).to_be_visible()
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
    missing = visit.page.get_by_text("'prompt' is a required property", exact=True)
    expect(missing).to_be_visible()
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
    expect(visit.page.get_by_text("'drafts' is a required property").first).to_be_visible()
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


def test_a_dropped_picture_becomes_a_video_that_plays(visitor: Visitor) -> None:
    """Dropped, placed, sent by keyboard and watched, it plays; a new visit shows it again."""
    page = visitor.page
    visitor.field("Prompt").fill("a cat looks up")
    visitor.drop("bunny.mp4", "video/mp4", target="prompt", share=0)
    visitor.drop("cat.jpg", "image/jpeg", target="timeline", share=0.55)
    slider = page.get_by_role("slider", name="Start frame of cat.jpg")
    expect(slider).to_have_value("64")
    slider.press("ArrowLeft")
    expect(slider).to_have_value("56")
    page.get_by_role("button", name="Remove bunny.mp4").click()
    visitor.make_it_small()
    expect(slider).to_have_value("8")
    slider.press("Home")
    strength = page.get_by_role("spinbutton", name="Strength of cat.jpg")
    strength.fill("0.9")
    assert visitor.barriers() == []
    card = visitor.send()
    state = card.locator(".state")
    expect(state).to_contain_text("Ready", timeout=RUN_SECONDS * 1000)
    card.get_by_text("Log", exact=True).click()
    expect(card.locator(".log")).to_contain_text("first_pass: done")
    page.reload()
    playing = card.locator("video")
    playing.evaluate("video => video.play()")
    assert playing.evaluate("video => video.videoWidth") == 480
    playing.evaluate("video => { video.pause(); video.currentTime = 0; }")
    card.get_by_role("button", name="Use again").click()
    expect(visitor.field("Prompt")).to_have_value("a cat looks up")
    expect(strength).to_have_value("0.9")
    visitor.keep("page")
    page.emulate_media(color_scheme="dark")
    assert visitor.barriers() == []
    visitor.keep("page-dark")


def test_mistakes_are_told_at_their_fields(visitor: Visitor) -> None:
    """A refused request names its fields, marks them and brings the first one into focus."""
    visitor.page.get_by_text("Settings", exact=True).click()
    visitor.field("Prompt").fill("a cat")
    visitor.field("First pass: final steps left out").fill("8")
    visitor.page.get_by_text("Settings", exact=True).click()
    visitor.page.get_by_role("button", name="Make the video").click()
    told = visitor.page.get_by_role("alert")
    expect(told).to_contain_text("First pass: final steps left out: must be less than")
    wrong = visitor.field("First pass: final steps left out")
    expect(wrong).to_be_focused()
    expect(wrong).to_have_attribute("aria-invalid", "true")


def test_a_request_waits_and_is_cancelled_on_the_page(nobody_works: None, visitor: Visitor) -> None:
    """Its card says both, and its prompt is a text; the page's key goes along with what it asks."""
    shown: dict[str, str | None] = {}
    visitor.page.on(
        "request", lambda sent: shown.update({sent.url: sent.all_headers().get("authorization")})
    )
    visitor.field("API key").fill("made-up:key")
    visitor.field("Prompt").fill(HOSTILE)
    card = visitor.send()
    state = card.locator(".state")
    expect(state).to_contain_text("In the queue")
    expect(card.locator(".prompt")).to_have_text(HOSTILE)
    card.get_by_role("button", name="Cancel").click()
    expect(state).to_contain_text("cancelled")
    keyed = [key for url, key in shown.items() if url.endswith(("/multiconditioning", "/cancel"))]
    assert keyed == ["Key made-up:key"] * 2


def test_the_page_may_load_its_own_files_alone(site: Site) -> None:
    """Its policy allows no inline script and no other host; other names are no files of it."""
    page = httpx.get(f"{site.gateway}/page/", trust_env=False)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "<script>" not in page.text
    assert "style=" not in page.text
    for name in ("..%2f__init__.py", "index.html", "page.js.map"):
        assert httpx.get(f"{site.gateway}/page/{name}", trust_env=False).status_code in (404, 422)


@pytest.fixture
def key(site: Site) -> str:
    """A key; from now on the gateway asks for one."""
    made = KeyRing(MediaStore(root=str(site.store))).create("person", scope="user").key
    until = time.monotonic() + 20
    while httpx.get(f"{site.gateway}/requests", trust_env=False).status_code != 401:
        assert time.monotonic() < until
        time.sleep(0.3)
    return made


def test_drafts_are_chosen_on_the_page(key: str, visitor: Visitor) -> None:
    """By keyboard: what they cost, two drafts, a look at each, and the one chosen, which plays."""
    page = visitor.page
    expect(page.get_by_role("alert").first).to_contain_text("there is no API key")
    visitor.field("API key").fill(key)
    visitor.field("Prompt").fill("a cat turns its head")
    visitor.drop("cat.jpg", "image/jpeg", target="timeline", share=0)
    visitor.make_it_small()
    visitor.field("Seed").fill("3")
    page.get_by_text("Settings", exact=True).click()
    visitor.field("Drafts").fill("0")
    visitor.field("Drafts").press("Enter")
    expect(visitor.field("Drafts")).to_be_focused()
    expect(page.get_by_role("alert").first).to_contain_text("Drafts: must be")
    visitor.field("Drafts").fill("2")
    page.get_by_role("button", name="Plan and cost").press("Enter")
    plan = page.get_by_role("status", name="Plan and cost")
    expect(plan).to_contain_text("9 frames at 30 a second")
    expect(plan).to_contain_text("2 drafts: about")
    card = visitor.send_for_drafts()
    expect(card.get_by_role("checkbox")).to_have_count(2, timeout=RUN_SECONDS * 1000)
    look = card.get_by_label("Draft 2 of: a cat turns its head")
    look.evaluate("video => video.play()")
    assert look.evaluate("video => video.videoWidth") == 240
    assert visitor.barriers() == []
    page.emulate_media(color_scheme="dark")
    assert visitor.barriers() == []
    page.emulate_media(color_scheme="light")
    refine = card.get_by_role("button", name="Refine")
    refine.press("Enter")
    expect(card.get_by_role("alert")).to_contain_text("Choose at least one")
    card.get_by_role("checkbox", name="Draft 2, seed 4").press("Space")
    expect(card.get_by_role("alert")).to_be_empty()
    visitor.keep("page-drafts", listens=True)
    refine.press("Enter")
    expect(card.get_by_role("button", name="Cancel")).to_be_focused()
    expect(card.locator(".state")).to_contain_text("Ready. Seed 4.", timeout=RUN_SECONDS * 1000)
    playing = card.get_by_label("Video of draft 2 of: a cat turns its head")
    playing.evaluate("video => video.play()")
    assert playing.evaluate("video => video.videoWidth") == 480
