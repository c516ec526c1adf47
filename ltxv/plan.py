"""A request with nothing left to decide: ``resolve`` turns one into a ``Plan``.

Every stage works from values of the plan alone, so that the plan's parts are what cache keys are
made of. Nothing here loads weights or touches the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from ltxv import geometry
from ltxv.engine import (
    DecodeWork,
    FirstPassWork,
    LoRA,
    ModelIdentity,
    PromptWork,
    SecondPassWork,
)
from ltxv.estimate import (
    LTXV_13B,
    Estimate,
    ModelShape,
    PassLoad,
    StageFlops,
    estimate,
    stage_flops,
)
from ltxv.frozen import Frozen
from ltxv.geometry import Size
from ltxv.item_plan import ItemPlan, Medium, plan_items
from ltxv.request import VideoRequest
from ltxv.schedule import pass_sigmas
from ltxv.unsupported import refuse_unsupported


class PassPlan(Frozen):
    """One denoising pass."""

    width: int = Field(description="Width in pixels, a multiple of 32.")
    height: int = Field(description="Height in pixels, a multiple of 32.")
    sigmas: tuple[float, ...] = Field(description="One forward each; the last goes to 0.")
    tokens: int = Field(description="Video tokens of the pass, extra ones for keyframes left out.")


class Plan(Frozen):
    """Everything that decides the video."""

    width: int
    height: int
    frames: int
    frame_rate: int
    seed: int
    prompt: str
    prompt_by: str | None = Field(
        default=None, description="Language model that wrote the prompt out; None for nobody."
    )
    model: ModelIdentity
    padding: tuple[int, int, int, int] = Field(
        description="(left, right, top, bottom) in pixels, up to multiples of 32; cropped back."
    )
    padded_frames: int = Field(description="Frames that are generated, 8k+1; cropped back.")
    items: tuple[ItemPlan, ...]
    loras: tuple[LoRA, ...] = Field(description="LoRAs by content, those of scale 0 left out.")
    first_pass: PassPlan
    second_pass: PassPlan
    tone_map_compression_ratio: float
    reverse_video: bool
    enable_safety_checker: bool
    estimate: Estimate

    @property
    def prompt_work(self) -> PromptWork:
        """What the text encoder is asked."""
        return PromptWork(model=self.model, text=self.prompt)

    @property
    def first_pass_work(self) -> FirstPassWork:
        """What the first pass is asked."""
        return FirstPassWork(**self._pass(self.first_pass), seed=self.seed)

    @property
    def second_pass_work(self) -> SecondPassWork:
        """What the second pass is asked."""
        return SecondPassWork(**self._pass(self.second_pass))

    @property
    def decode_work(self) -> DecodeWork:
        """What the decoder is asked."""
        return DecodeWork(
            model=self.model,
            width=self.width,
            height=self.height,
            frames=self.frames,
            padding=self.padding,
            tone_map_compression_ratio=self.tone_map_compression_ratio,
        )

    @property
    def preview_work(self) -> DecodeWork:
        """What the decoder is asked for a look at a draft: half the size, made even."""
        return self.decode_work.model_copy(
            update={
                "width": max(2, self.width // 4 * 2),
                "height": max(2, self.height // 4 * 2),
                "padding": tuple(side // 2 for side in self.padding),
            }
        )

    def with_prompt(self, text: str, *, by: str) -> Plan:
        """Return the plan for a prompt that a language model wrote out."""
        return self.model_copy(update={"prompt": text, "prompt_by": by})

    def stage_seconds(self, shape: ModelShape = LTXV_13B) -> StageFlops:
        """Return the seconds that each GPU stage is expected to take on one H200."""
        return stage_flops(
            _load(self.first_pass, self.items),
            _load(self.second_pass, self.items),
            decoded_pixels=self.second_pass.width * self.second_pass.height * self.padded_frames,
            shape=shape,
        ).seconds

    def _pass(self, plan: PassPlan) -> dict[str, Any]:
        return {
            "model": self.model,
            "width": plan.width,
            "height": plan.height,
            "frames": self.padded_frames,
            "frame_rate": self.frame_rate,
            "sigmas": plan.sigmas,
            "padding": self.padding,
            "placements": tuple(item.placement for item in self.items),
            "loras": self.loras,
        }


def resolve(
    request: VideoRequest,
    media: Sequence[Medium],
    *,
    model: ModelIdentity,
    seed: int,
    shape: ModelShape = LTXV_13B,
    loras: Sequence[str] = (),
) -> Plan:
    """Decide everything that ``request`` leaves open.

    Args:
        request: What was asked.
        media: What the request's images and then its videos turned out to be, in their order.
        model: The model that will run.
        seed: Used if the request names none.
        shape: The model's sizes, for the estimate.
        loras: Digests of the files of the request's ``lora_sources``, in their order.

    Raises:
        Refused: The request asks for something this version cannot do, or a clip is too short for
            its place.
    """
    refuse_unsupported(request)
    first_item = Size(media[0].width, media[0].height) if media else None
    size = geometry.output_size(request.resolution, request.aspect_ratio, first_item=first_item)
    frames = geometry.padded_frames(request.number_of_frames)
    items = plan_items(request, media, size)
    first = PassPlan(
        **geometry.first_pass_size(size)._asdict(),
        sigmas=pass_sigmas(
            request.first_pass_number_of_steps, skip_final=request.first_pass_skip_final_steps
        ),
        tokens=geometry.tokens(geometry.first_pass_size(size), frames),
    )
    second = PassPlan(
        **geometry.second_pass_size(size)._asdict(),
        sigmas=pass_sigmas(
            request.second_pass_number_of_steps, skip_initial=request.second_pass_skip_initial_steps
        ),
        tokens=geometry.tokens(geometry.second_pass_size(size), frames),
    )
    return Plan(
        **size._asdict(),
        frames=request.number_of_frames,
        frame_rate=request.frame_rate,
        seed=seed if request.seed is None else request.seed,
        prompt=request.prompt,
        model=model,
        padding=geometry.padding(size),
        padded_frames=frames,
        items=items,
        loras=tuple(
            LoRA(sha256=sha256, scale=source.scale, position=int(source.loc[1]))
            for source, sha256 in zip(request.lora_sources, loras, strict=True)
        ),
        first_pass=first,
        second_pass=second,
        tone_map_compression_ratio=request.tone_map_compression_ratio,
        reverse_video=request.reverse_video,
        enable_safety_checker=request.enable_safety_checker,
        estimate=estimate(
            _load(first, items),
            _load(second, items),
            decoded_pixels=second.width * second.height * frames,
            shape=shape,
        ),
    )


def _load(plan: PassPlan, items: Sequence[ItemPlan]) -> PassLoad:
    """Return a pass's work; an item after frame 0 adds one or two latent frames of tokens."""
    latent = (plan.width // geometry.SPATIAL) * (plan.height // geometry.SPATIAL)
    extra = sum(
        1 if item.placement.kind == "image" else 2 for item in items if item.placement.start_frame
    )
    frames = sum(item.placement.frames for item in items)
    return PassLoad(
        forwards=len(plan.sigmas),
        tokens=plan.tokens + extra * latent,
        item_pixels=frames * plan.width * plan.height,
    )
