"""The GPU benchmark without a GPU: it says so, and its plumbing runs on tiny sizes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from benchmarks import gpu
from benchmarks.floors import peak_flops, stage_flops
from benchmarks.house import photo_request
from benchmarks.samples import PHOTO, planned
from benchmarks.weights import TRUE_CONFIGS, make, tiny_configs
from ltxv.estimate import LTXV_13B

PARAMETERS = {
    "transformer": 13_042_569_344,
    "vae": 1_246_913_522,
    "text_encoder": 4_762_310_656,
    "latent_upsampler": 126_250_624,
}


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """Run the command with arguments."""
    monkeypatch.setattr(sys, "argv", ["gpu", *arguments])
    gpu.main()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so_and_ends_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """No figure is printed or written, and the command does not fail."""
    run_main(monkeypatch, "--results", str(tmp_path))
    assert "no CUDA GPU" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["--device", "cpu"], ["--device", "cpu", "--tiny"]])
def test_a_cpu_gives_no_results(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    """The true model is refused on a CPU, and tiny figures never lie among the results."""
    with pytest.raises(SystemExit) as refused:
        run_main(monkeypatch, *arguments)
    assert refused.value.code == 2


def test_the_whole_runs_on_tiny_sizes(tmp_path: Path) -> None:
    """Both sides share random weights, and a lever that this machine lacks ends only itself."""
    report = gpu.measure(
        gpu.GpuBench(
            device="cpu",
            tiny=True,
            resolution="480p",
            aspect_ratio="1:1",
            frames=9,
            repeats=1,
            warm_ups=0,
            levers=("fp8",),
        )
    )
    stages, levers = report.tables
    rows = {row[0]: row[1:] for row in stages.rows}
    assert rows["forwards"][:2] == ("12", "10")
    assert all(float(rows[stage][1].split()[0]) > 0 for stage in ("first_pass", "decode"))
    assert [row[0] for row in levers.rows] == ["none", "fp8", "none, again"]
    assert "fp8=True needs a GPU" in levers.rows[1][-1]
    assert levers.rows[2][-2] == "0.0e+00"
    page, data = report.write(tmp_path)
    assert page.read_text().startswith("# 480p")
    assert data.exists()


@pytest.mark.parametrize("component", PARAMETERS)
def test_the_architecture_is_the_true_one(component: str) -> None:
    """Each model has exactly the parameters of the published 13B checkpoint."""
    model = make(component, TRUE_CONFIGS[component], device="meta", dtype=torch.bfloat16)
    assert sum(weight.numel() for weight in model.parameters()) == PARAMETERS[component]
    assert {weight.dtype for weight in model.parameters()} == {torch.bfloat16}


def test_random_weights_are_small_and_the_same_each_time() -> None:
    """Matrices are drawn anew with the same numbers, none of them zero throughout."""
    config = tiny_configs()["transformer"]
    one, two = (make("transformer", config, device="cpu", dtype=torch.float32) for _ in "ab")
    for first, second in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(first, second)
        if first.ndim > 1:
            assert 0.01 < first.std() < 0.03


def test_floors_are_those_of_the_vendor_s_figures() -> None:
    """720p with 121 frames needs 4.4 s in the transformer and 0.25 s in the decoder on an H200."""
    request = photo_request(PHOTO, resolution="720p", aspect_ratio="16:9", seed=1)
    work, peak = stage_flops(planned(request), LTXV_13B), peak_flops("NVIDIA H200")
    assert peak is not None
    assert (work["first_pass"] + work["second_pass"]) / peak == pytest.approx(4.44, rel=0.01)
    assert work["decode"] / peak == pytest.approx(0.247, rel=0.01)
    assert peak_flops("some other GPU") is None
