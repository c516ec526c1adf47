"""From a request to all that the passes need: what can be refused is refused here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from flows.equipment import Equipment
from flows.expand import expanded
from flows.planning import fetched, planned
from ltxv.plan import Plan
from ltxv.refs import EmbeddingRef, MediaRef, Ref
from ltxv.request import VideoRequest
from ltxv.safety import Verdict
from tasks.compress_media import compress_media
from tasks.encode_prompt import encode_prompt
from tasks.screen_media import screen_media
from tasks.screen_prompt import screen_prompt


class Written(NamedTuple):
    """How a prompt came about that a language model wrote out."""

    of: str
    by: str


class Prepared(NamedTuple):
    """A request whose media and prompt are ready for the first pass."""

    request: VideoRequest
    plan: Plan
    media: Sequence[MediaRef]
    items: Sequence[Ref]
    """Prepared conditioning files, in the order of the plan's items."""
    loras: Sequence[Ref]
    prompt: EmbeddingRef
    verdicts: Sequence[Verdict]
    """What was said about each item; nothing if the request goes unchecked."""

    @property
    def written(self) -> Written | None:
        """How the prompt came about; None if it is the request's own."""
        by = self.plan.prompt_by
        return None if by is None else Written(self.request.prompt, by)

    @property
    def as_settled(self) -> VideoRequest:
        """The request with the prompt that was settled on, to be expanded no more."""
        settled = {"prompt": self.plan.prompt, "expand_prompt": False}
        return self.request.model_copy(update=settled)

    def as_written(self, written: Written) -> Prepared:
        """Return the same, known to be what ``written`` says: the clip will tell it."""
        return self._replace(
            request=self.request.model_copy(update={"prompt": written.of}),
            plan=self.plan.with_prompt(self.plan.prompt, by=written.by),
        )


def prepare(request: VideoRequest, *, seed: int, use: Equipment) -> Prepared:
    """Check, fetch and compress everything, decide what is left open and encode the prompt.

    Args:
        request: What to generate.
        seed: Used if the request names none.
        use: The blocks of the run.

    Raises:
        Refused: The request, its prompt or a medium is not acceptable.
        Transient: A network, server or store still failed at the last try.
        Misconfigured: Weights, memory, a disk or a block needs its operator.
    """
    requested = request.enable_safety_checker
    expander = use.expander.identity if request.expand_prompt else None  # refused if it has none
    screen_prompt(
        text=request.prompt,
        judge=use.safety.prompt_identity(requested=requested),
        requested=requested,
        safety=use.safety,
        store=use.store,
    )
    found = fetched(request, use=use)
    plan = planned(request, found, seed=seed, use=use)
    items = compress_media.each(
        [
            {"work": item.compress, "source": source, "loc": item.loc, "store": use.store}
            for item, source in zip(plan.items, found.media, strict=True)
        ]
    )
    verdicts: Sequence[Verdict] = ()
    if use.safety.applies(requested=requested):
        verdicts = screen_media(items, items=plan.items, safety=use.safety, store=use.store)
    if expander is not None:
        plan = expanded(plan, request, items, by=expander, use=use)
    prompt = encode_prompt(work=plan.prompt_work, model=use.model, store=use.store)
    return Prepared(
        request=request,
        plan=plan,
        media=found.media,
        items=items,
        loras=found.loras,
        prompt=prompt,
        verdicts=verdicts,
    )
