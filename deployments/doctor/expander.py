"""The prompt expander: whether it writes prompts out, where there is one."""

from __future__ import annotations

import numpy as np

from blocks.prompt_expander import PromptExpander
from deployments.doctor.check import Finding, Findings
from deployments.doctor.house import House
from ltxv.errors import Misconfigured
from ltxv.expansion import ExpansionWork
from ltxv.local_language_model import LocalLanguageModel

_REMEDY = "check the LTX Prompt Expander block"
_CAPTIONER_REMEDY = "check the LTX Captioner block; it must name a model that takes pictures"
_IDEA = ExpansionWork(text="a cat looks up", seed=1)
_GREY = np.full((1, 64, 64, 3), 128, np.uint8)


def check_expander(house: House) -> Findings:
    """Have a short prompt written out, and a grey picture described if there is a captioner."""
    found = Findings()
    captioner = None
    with found.of("expander", remedy=_REMEDY):
        expander = house.expander_block()
        if expander.backend == "none":
            found.ok("expander", "none; requests that ask for expansion are refused")
            return found
        captioner = expander.captioner
        found.append(_asked(expander))
    if captioner is not None:
        with found.of("captioner", remedy=_CAPTIONER_REMEDY):
            said = len(captioner.describe(_GREY).split())
            found.ok("captioner", f"{captioner.model} described a picture in {said} words")
    return found


def _asked(expander: PromptExpander) -> Finding:
    model = expander.language_model
    name = f"{expander.backend} {model.name}"
    if isinstance(model, LocalLanguageModel) and not model.is_here:
        remedy = f"run `hf download {model.name}`, or wait for it at the first expansion"
        return Finding("expander", "warning", f"{name} is not downloaded yet", remedy)
    written = expander.expand(_IDEA).text
    if written == _IDEA.text:
        raise Misconfigured(f"{name} left {_IDEA.text!r} as it is; choose another model")
    return Finding(
        "expander", "ok", f"{name} wrote {_IDEA.text!r} out: {len(written.split())} words"
    )
