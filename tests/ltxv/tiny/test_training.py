"""Going on with a training where it was interrupted."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open

from ltxv.tiny.training import Progress

STEPS = 10


def course() -> Progress:
    """Return a small training at its start, the same each time."""
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 4)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=1e-3, total_steps=2 * STEPS)
    average = [weight.detach().clone() for weight in model.parameters()]
    return Progress(model, optimiser, schedule, average)


def go_on(progress: Progress, steps: int) -> None:
    """Train for some steps on numbers drawn at random."""
    for _ in range(steps):
        loss = progress.model(torch.randn(3, 4)).square().mean()
        progress.optimiser.zero_grad()
        loss.backward()
        progress.optimiser.step()
        progress.schedule.step()


def test_an_interrupted_training_ends_like_one_that_was_not(tmp_path: Path) -> None:
    """Weights, moments, rate and random numbers go on to the bit, from a file of tensors alone."""
    whole = course()
    go_on(whole, STEPS)
    file = tmp_path / "progress.safetensors"
    first = course()
    go_on(first, STEPS // 2)
    first.save(file, STEPS // 2)
    second = course()
    torch.manual_seed(99)
    assert second.load(file) == STEPS // 2
    go_on(second, STEPS - STEPS // 2)
    for ours, theirs in zip(second.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert second.schedule.get_last_lr() == whole.schedule.get_last_lr()
    with safe_open(file, framework="pt") as tensors:
        assert "done" in tensors.keys()  # noqa: SIM118 - safetensors has no iteration


def test_a_training_without_a_file_starts_at_the_beginning(tmp_path: Path) -> None:
    """Nothing to go on from is no error."""
    assert course().load(None) == 0
    assert course().load(tmp_path / "none.safetensors") == 0
