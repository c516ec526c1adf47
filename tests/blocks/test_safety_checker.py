"""The block that an operator configures and saves."""

from __future__ import annotations

import subprocess
import sys
from urllib.parse import urlsplit

import numpy as np
import pytest
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from pydantic import ValidationError
from skimage import data

from blocks.safety_checker import SafetyChecker
from ltxv.engine import Frames


class TestSafetyCheckerStandard(BlockStandardTestSuite):
    """What Prefect asks of every block."""

    @pytest.fixture
    def block(self) -> type[Block]:
        return SafetyChecker

    def test_has_a_valid_image(self, block: type[Block]) -> None:
        """The logo is on the web; Prefect's own test would open it, tests here stay offline."""
        logo = urlsplit(str(block._logo_url))
        assert logo.scheme == "https"
        assert logo.hostname


@pytest.fixture(scope="module")
def frames() -> Frames:
    """A clip of two photographs anybody may see."""
    return np.stack([data.astronaut()[:300, :400], data.coffee()[:300, :400]])


def test_the_default_lets_photographs_pass(frames: Frames) -> None:
    """A block with no settings screens and passes harmless frames."""
    verdict = SafetyChecker().screen(frames)
    assert not verdict.refused
    assert len(verdict.scores) == len(frames)


def test_the_operators_threshold_decides(frames: Frames) -> None:
    """A stricter block refuses the frames a default one passes."""
    highest = SafetyChecker().screen(frames).highest
    assert SafetyChecker(refuse_at=highest * 0.99).screen(frames).refused
    assert not SafetyChecker(refuse_at=highest * 1.01).screen(frames).refused


@pytest.mark.parametrize("refuse_at", [-0.1, 1.5, float("nan")])
def test_a_threshold_that_refuses_nothing_cannot_be_saved(refuse_at: float) -> None:
    """Only a threshold from 0 to 1 is a setting."""
    with pytest.raises(ValidationError):
        SafetyChecker(refuse_at=refuse_at)


@pytest.mark.parametrize(
    ("allowed", "requested", "screened"),
    [(True, True, True), (True, False, False), (False, True, True), (False, False, True)],
)
def test_who_decides_whether_a_clip_is_screened(
    allowed: bool, requested: bool, screened: bool
) -> None:
    """A request may go unscreened only where it asks for it and the operator allows it."""
    assert SafetyChecker(allow_disabling=allowed).applies(requested=requested) is screened


def test_the_default_is_the_hosted_endpoints() -> None:
    """As on the hosted endpoint, `enable_safety_checker` of a request is honoured."""
    assert SafetyChecker().applies(requested=True)
    assert not SafetyChecker().applies(requested=False)


def test_the_identity_changes_with_what_decides_a_verdict() -> None:
    """Another threshold is another cache key; another thread count is not."""
    identity = SafetyChecker().identity
    assert SafetyChecker(refuse_at=0.5).identity != identity
    assert SafetyChecker(threads=2, allow_disabling=False).identity == identity


@pytest.mark.parametrize(
    ("allowed", "requested", "refused"),
    [(True, True, True), (True, False, False), (False, True, True), (False, False, True)],
)
def test_who_decides_whether_a_prompt_is_screened(
    allowed: bool, requested: bool, refused: bool
) -> None:
    """The soft rules are left out only where the request asks for it and the operator allows."""
    checker = SafetyChecker(allow_disabling=allowed)
    assert checker.screen_prompt("hardcore sex", requested=requested).refused is refused


def test_sexual_content_with_minors_cannot_be_switched_on() -> None:
    """No setting and no request lets it pass."""
    checker = SafetyChecker(allow_disabling=True, prompt_categories=())
    assert checker.screen_prompt("a naked child", requested=False).refused
    assert not checker.screen_prompt("hardcore sex", requested=True).refused


def test_a_prompts_identity_changes_with_what_is_looked_for() -> None:
    """Another choice of categories is another cache key, and so is an unchecked request."""
    default = SafetyChecker().prompt_identity(requested=True)
    assert SafetyChecker(prompt_categories=("gore",)).prompt_identity(requested=True) != default
    assert SafetyChecker().prompt_identity(requested=False) != default
    strict = SafetyChecker(allow_disabling=False, threads=1, refuse_at=0.1)
    assert strict.prompt_identity(requested=False) == default


def test_settings_survive_being_saved() -> None:
    """What a Prefect server keeps of the block makes the same block again."""
    saved = SafetyChecker(refuse_at=0.6, allow_disabling=False).model_dump_json()
    loaded = SafetyChecker.model_validate_json(saved)
    assert (loaded.refuse_at, loaded.allow_disabling) == (0.6, False)
    assert loaded.identity == SafetyChecker(refuse_at=0.6).identity


def test_importing_the_block_loads_nothing_heavy() -> None:
    """Prefect's server and CLI import blocks; they get no onnxruntime and no torch."""
    code = (
        "import sys; from blocks.safety_checker import SafetyChecker; SafetyChecker().identity;"
        "sys.exit('onnxruntime' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
