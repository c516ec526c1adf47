"""The two-pass recipe as diffusers documents it for LTX-Video 0.9.7 distilled.

https://huggingface.co/docs/diffusers/api/pipelines/ltx_video, "LTX-Video 0.9.7 distilled": the
same calls with the same arguments in the same order. Three things are set to what the other side
has, none of which makes the recipe slower: weights and dtype, the photo as the one condition,
and the sizes of the passes (its own rounding gives 320 rows where the reference gives 288 for a
480-row request, 11 % more work). VAE tiling is on as documented, and can be switched off.
``export_to_video`` writes through imageio and imageio-ffmpeg, as diffusers recommends.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import LTXConditionPipeline, LTXLatentUpsamplePipeline
from diffusers.pipelines.ltx.modeling_latent_upsampler import LTXLatentUpsamplerModel
from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXVideoCondition
from diffusers.utils import export_to_video, load_image, logging

from benchmarks.stopwatch import Stopwatch
from ltxv.plan import Plan
from ltxv.request import NEGATIVE_PROMPT

FIRST_TIMESTEPS = [1000, 993, 987, 981, 975, 909, 725, 0.03]
SECOND_TIMESTEPS = [1000, 909, 725, 421, 0]
STAGES = ("first_pass", "upsample", "second_pass", "resize", "export")


@dataclass(frozen=True)
class Documented:
    """The recipe's two pipelines."""

    pipeline: Any
    pipe_upsample: Any

    @classmethod
    def of(cls, upsampler: Any, **modules: Any) -> Documented:
        """Put pipelines around loaded modules: scheduler, vae, text_encoder, and so on."""
        logging.set_verbosity_error()
        pipes = (
            LTXConditionPipeline(**modules),
            LTXLatentUpsamplePipeline(vae=modules["vae"], latent_upsampler=upsampler),
        )
        for pipe in pipes:
            pipe.set_progress_bar_config(disable=True)
        return cls(*pipes)

    @classmethod
    def from_folder(cls, folder: Path) -> Documented:
        """Load a checkpoint that has its upsampler with it, in float32 on the CPU."""
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        pipe = LTXConditionPipeline.from_pretrained(folder, dtype=torch.float32)
        upsampler = LTXLatentUpsamplerModel.from_pretrained(
            folder / "latent_upsampler", torch_dtype=torch.float32
        )
        return cls.of(upsampler, **pipe.components)

    def make(
        self, plan: Plan, photo: Path, target: Path, *, watch: Stopwatch, tiled: bool = True
    ) -> None:
        """Make the plan's clip into ``target``; the parts are those of ``STAGES``."""
        vae = self.pipeline.vae
        (vae.enable_tiling if tiled else vae.disable_tiling)()
        asked = self._asked(plan, photo)
        with watch.part("first_pass"):
            latents = self.pipeline(
                **asked,
                width=plan.first_pass.width,
                height=plan.first_pass.height,
                timesteps=FIRST_TIMESTEPS,
                generator=torch.Generator().manual_seed(plan.seed),
                output_type="latent",
            ).frames
        with watch.part("upsample"):
            upscaled_latents = self.pipe_upsample(
                latents=latents, adain_factor=1.0, output_type="latent"
            ).frames
        with watch.part("second_pass"):
            video = self.pipeline(
                **asked,
                width=plan.second_pass.width,
                height=plan.second_pass.height,
                denoise_strength=0.999,
                timesteps=SECOND_TIMESTEPS,
                latents=upscaled_latents,
                generator=torch.Generator().manual_seed(plan.seed),
                output_type="pil",
            ).frames[0]
        with watch.part("resize"):
            video = [frame.resize((plan.width, plan.height)) for frame in video]
        with watch.part("export"):
            export_to_video(video, str(target), fps=plan.frame_rate)

    def _asked(self, plan: Plan, photo: Path) -> dict[str, Any]:
        return {
            "conditions": [LTXVideoCondition(image=load_image(str(photo)), frame_index=0)],
            "prompt": plan.prompt,
            "negative_prompt": NEGATIVE_PROMPT,
            "num_frames": plan.padded_frames,
            "frame_rate": plan.frame_rate,
            "decode_timestep": 0.05,
            "decode_noise_scale": 0.025,
            "image_cond_noise_scale": 0.0,
            "guidance_scale": 1.0,
            "guidance_rescale": 0.7,
        }
