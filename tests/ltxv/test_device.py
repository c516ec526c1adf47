import subprocess
import sys

import pytest

from ltxv.device import default_dtype, device_class, resolve_device
from ltxv.errors import Misconfigured


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:3"])
def test_a_named_device_is_taken_at_its_word(name):
    """A plan may name the GPU of another machine."""
    assert resolve_device(name) == name


def test_auto_agrees_with_torch_whether_or_not_torch_is_loaded():
    """The look at the driver and torch's build notes finds what torch itself says."""
    alone = "from ltxv.device import resolve_device as r; print(r('auto'))"
    answers = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        for code in (alone, f"import torch; {alone}")
    }
    assert len(answers) == 1


def test_auto_is_the_cpu_where_every_gpu_is_hidden(monkeypatch):
    """CUDA_VISIBLE_DEVICES decides before the driver is asked."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert resolve_device("auto") == "cpu"


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "", "mps"])
def test_an_unknown_device_is_named_with_the_known_ones(name):
    """The message has the value and the choices."""
    with pytest.raises(Misconfigured, match=f"{name!r} is unknown; use auto, cpu, cuda"):
        resolve_device(name)


def test_the_dtype_follows_the_kind_of_device():
    """A GPU runs the reference's bfloat16, a CPU float32."""
    assert [default_dtype(name) for name in ("cpu", "cuda", "cuda:1")] == [
        "float32",
        "bfloat16",
        "bfloat16",
    ]
    assert device_class("cuda:1") == "cuda"


def test_choosing_a_model_loads_no_torch():
    """Flows that only orchestrate start light."""
    code = (
        "import sys, ltxv.device, ltxv.engine_options\n"
        "from ltxv.checkpoints import find_checkpoint\n"
        "find_checkpoint('tiny').identity(dtype='float32', device=ltxv.device.resolve_device())\n"
        "assert not {'torch', 'diffusers', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
