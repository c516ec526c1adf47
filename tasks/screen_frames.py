"""Keep clips with unsafe content from leaving."""

from __future__ import annotations

from prefect.logging import get_run_logger

from blocks.safety_checker import SafetyChecker
from ltxv.engine import Frames
from ltxv.errors import Refused
from ltxv.safety import Verdict
from tasks.stage import passing_stage
from tasks.tell_operator import tell_operator
from tasks.verdict_page import refused_page


@passing_stage("screen_frames")
def screen_frames(*, frames: Frames, safety: SafetyChecker) -> Verdict:
    """Let the frames pass if not one of them is unsafe.

    Raises:
        Refused: ``content_policy_violation``; the clip goes nowhere.
        Misconfigured: They could not be judged, so they do not pass either.
    """
    verdict = safety.screen(frames)
    if verdict.refused:
        # The operator has the scores; a caller could use them to feel for the threshold.
        get_run_logger().warning(
            "%d of %d frames are unsafe, highest score %.3f",
            len(verdict.frames),
            len(frames),
            verdict.highest,
        )
        tell_operator(refused_page(verdict), key="clip-refused")
        raise Refused.because(
            ("prompt",),
            "the video was refused by the safety check; change the prompt, the media or the seed",
            type="content_policy_violation",
        )
    return verdict
