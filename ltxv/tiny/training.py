"""The transformer's training: flow matching at the noise levels that the two passes visit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ltxv.model.conditioning import Tokens
from ltxv.model.denoise import Prompt, noise_levels, predict
from ltxv.model.latents import Grid, coordinates, pack
from ltxv.schedule import linear_quadratic
from ltxv.tiny.autoencoder import LATENT_CHANNELS
from ltxv.tiny.denoiser import importance
from ltxv.tiny.lessons import Lesson
from ltxv.tiny.prompts import Phrases

_LEVELS = (*linear_quadratic(8), 0.909375, 0.725, 0.725, 0.421875)
"""The levels of both passes; those that end a clip come twice."""
_ANY_LEVEL = 0.15
_SECOND_PASS, _SAVE_EVERY = 0.91, 100
_TOKENS = 600
"""Tokens a step, about: small clips come in larger batches."""
_RATE = 3e-4
_RESIDUE = 0.15
"""The engine's ``image_cond_noise_scale``."""

_RAISED = 0.5
"""How often what the second pass begins with stands for the clip, at its levels."""


@dataclass(frozen=True)
class Conditions:
    """How often a clip's first frame, a later one, its first nine and a weak first are given."""

    first: float = 0.85
    key: float = 0.3
    clip: float = 0.1
    weak: float = 0.08


ALL_KINDS = Conditions()
FIRST_FRAME = Conditions(first=1.0, key=0.0, clip=0.0, weak=0.0)


@dataclass(frozen=True)
class Course:
    """How long to train, and where to keep what is needed to go on."""

    steps: int
    resume: Path | None = None
    report: Callable[[int, float], None] = lambda _step, _loss: None


def train(model: Any, lessons: Sequence[Lesson], phrases: Phrases, course: Course) -> None:
    """Train ``model`` in place and leave it an average of its last weights."""
    parameters = _loose(model)
    optimiser = torch.optim.AdamW(parameters, lr=_RATE, betas=(0.9, 0.98), weight_decay=0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=_RATE, total_steps=course.steps, pct_start=0.04, final_div_factor=100
    )
    average = [weight.detach().clone() for weight in parameters]
    state = Progress(model, optimiser, schedule, average)
    done = state.load(course.resume)
    share = torch.tensor([float(lesson.clips.shape[0]) for lesson in lessons])
    weights = importance()
    for step in range(done, course.steps):
        lesson = lessons[int(torch.multinomial(share, 1))]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = _loss(model, lesson, phrases, weights)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        schedule.step()
        keep = min(0.99, (step + 1) / (step + 10))
        torch._foreach_lerp_(average, [weight.detach() for weight in parameters], 1 - keep)
        course.report(step, loss.item())
        if (step + 1) % _SAVE_EVERY == 0:
            state.save(course.resume, step + 1)
    with torch.no_grad():
        for weight, mean in zip(parameters, average, strict=True):
            weight.copy_(mean)


def _loose(model: Any) -> list[Tensor]:
    """Return the weights that training may move.

    Held are those that choose what is looked at and read, and those whose inputs have a large
    mean: Adam moves all of a row together, which once shifted the words by more than they differ.
    """
    held = ("caption_projection", "time_embed", "attn2", "to_q", "to_k", "norm_", "proj_in")
    last = f"transformer_blocks.{len(model.transformer_blocks) - 1}.ff.net.2.weight"
    loose = []
    for name, weight in model.named_parameters():
        weight.requires_grad_(name != last and not any(part in name for part in held))
        if weight.requires_grad:
            loose.append(weight)
    return loose


@dataclass(frozen=True)
class Progress:
    """All that a training under way is made of."""

    model: Any
    optimiser: Any
    schedule: Any
    average: list[Tensor]

    def load(self, file: Path | None) -> int:
        """Take up what ``file`` holds and return how many steps it had done."""
        if file is None or not file.exists():
            return 0
        held = load_file(file)
        done = int(held["done"])
        self.model.load_state_dict(_part(held, "model"))
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _part(held, "optimiser").items():
            weight, _, moment = name.partition(".")
            moments.setdefault(int(weight), {})[moment] = tensor
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": moments, "param_groups": groups})
        for _ in range(done):
            self.schedule.step()
        for place, mean in enumerate(self.average):
            mean.copy_(held[f"average.{place}"])
        torch.set_rng_state(held["random"])
        return done

    def save(self, file: Path | None, done: int) -> None:
        """Keep everything that another run needs to go on from here, as safetensors."""
        if file is None:
            return
        tensors = {f"model.{name}": weight for name, weight in self.model.state_dict().items()}
        tensors |= {f"average.{number}": mean for number, mean in enumerate(self.average)}
        for number, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{name}": value for name, value in moments.items()}
        tensors |= {"random": torch.get_rng_state(), "done": torch.tensor(done)}
        beside = file.with_suffix(".new")
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, beside)
        beside.replace(file)


def _part(held: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with ``name``, without that beginning."""
    start = f"{name}."
    return {key.removeprefix(start): value for key, value in held.items() if key.startswith(start)}


def _loss(model: Any, lesson: Lesson, phrases: Phrases, weights: Tensor) -> Tensor:
    """Return the error of the velocity of the tokens that are not given."""
    level = _level()
    chosen, prompt = drawn(lesson, phrases)
    tokens, velocity = task(lesson, chosen, level, ALL_KINDS)
    levels = noise_levels(level, tokens.mask)
    given = predict(model, tokens.latents, tokens.coords, levels, prompt)
    free = (
        (tokens.mask < 1).float().unsqueeze(-1) if tokens.mask is not None else given.new_ones(())
    )
    error = (levels.unsqueeze(-1) * (given - velocity)).square() * weights  # of the clean latent
    return (error * free).sum() / (free.sum() * LATENT_CHANNELS)


def drawn(lesson: Lesson, phrases: Phrases) -> tuple[Tensor, Prompt]:
    """Return a batch's clips by number, and a prompt for each."""
    grid = Grid(*lesson.clips.shape[2:])
    chosen = torch.randint(len(lesson.clips), (max(2, _TOKENS // grid.tokens),))
    return chosen, phrases.drawn([(lesson.moves[index], lesson.looks[index]) for index in chosen])


def _level() -> Tensor:
    if float(torch.rand(())) < _ANY_LEVEL:
        return torch.rand(()).clamp(min=0.3)
    return torch.tensor(_LEVELS[int(torch.randint(len(_LEVELS), ()))])


def task(lesson: Lesson, chosen: Tensor, level: Tensor, kinds: Conditions) -> tuple[Tokens, Tensor]:
    """Return the tokens of one step of a pass, as the engine builds them, and the velocity."""
    clips = lesson.clips[chosen].float()
    grid = Grid(*clips.shape[2:])
    count, place = len(chosen), grid.height * grid.width
    rate = (24.0, 24.0, 25.0, 30.0, 16.0)[int(torch.randint(5, ()))]
    clean = pack(clips)
    mask = torch.zeros(count, grid.tokens)
    mask[:, :place] = (torch.rand(count, 1) < kinds.first).float()
    mask[:, : 2 * place] = torch.maximum(
        mask[:, : 2 * place], (torch.rand(count, 1) < kinds.clip).float()
    )
    mask[:, :place] *= torch.where(torch.rand(count, 1) < kinds.weak, 0.5, 1.0)
    coords = coordinates(grid, frame_rate=rate).expand(count, -1, -1)
    start = clean
    if lesson.raised.numel() and level <= _SECOND_PASS and float(torch.rand(())) < _RAISED:
        start = torch.where(mask.unsqueeze(-1) > 0, clean, pack(lesson.raised[chosen].float()))
    extra = 0
    if float(torch.rand(())) < kinds.key:
        extra = place
        keys = pack(lesson.keys[chosen].float())
        beside = coordinates(Grid(1, grid.height, grid.width), frame_rate=rate)
        beside = beside.repeat(count, 1, 1)
        beside[:, 0] += lesson.at[chosen].float().unsqueeze(1) / rate
        clean, start = torch.cat([keys, clean], 1), torch.cat([keys, start], 1)
        coords = torch.cat([beside, coords], 2)
        mask = torch.cat([torch.ones(count, place), mask], 1)
    noise = torch.randn_like(clean)
    own = noise_levels(level, mask).unsqueeze(-1)
    noisy = own * noise + (1 - own) * start
    velocity = (noisy - clean) / own.clamp(min=0.05)
    held = mask.unsqueeze(-1) > 1 - 1e-6
    noisy = torch.where(held, clean + _RESIDUE * level**2 * noise, noisy)
    return Tokens(noisy, coords, mask, extra=extra), velocity
