"""`ltx plan`: what a request will do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from tests.conftest import SAMPLES
from tests.deployments.cli.conftest import Ltx
from tests.ltxv.test_request import SEED_EXAMPLE


def endpoint_example(**changes: Any) -> dict[str, Any]:
    """Return the hosted endpoint's example with photos of this machine."""
    images = [
        {"strength": 1, "start_frame_num": 0, "image_url": str(SAMPLES / "cat.jpg")},
        {"strength": 1, "start_frame_num": 120, "image_url": str(SAMPLES / "coffee.jpg")},
    ]
    return {**SEED_EXAMPLE, "images": images, **changes}


def test_the_endpoints_example_has_the_published_tables(ltx: Ltx, tmp_path: Path) -> None:
    """Sigmas of both passes, sizes, seed and estimate are in the JSON; stderr is empty."""
    (tmp_path / "request.json").write_text(json.dumps(endpoint_example()))
    done = ltx("plan", "request.json")
    assert (done.returncode, done.stderr) == (0, "")
    plan = json.loads(done.stdout)
    assert (plan["frames"], plan["frame_rate"]) == (121, 30)
    assert abs(plan["width"] / plan["height"] - 451 / 300) < 0.01
    assert plan["first_pass"]["sigmas"] == pytest.approx(
        [1.0, 0.9937, 0.9875, 0.9812, 0.9750, 0.9094, 0.7250], abs=1e-4
    )
    assert plan["second_pass"]["sigmas"] == pytest.approx([0.9094, 0.7250, 0.4219], abs=1e-4)
    assert plan["second_pass"]["width"] == 2 * plan["first_pass"]["width"]
    assert plan["second_pass"]["tokens"] == 4 * plan["first_pass"]["tokens"]
    assert isinstance(plan["seed"], int)
    assert set(plan["estimate"]) == {"tflops", "gpu_seconds", "gpu_memory_gib"}


def test_the_13b_model_is_planned_without_its_weights(ltx: Ltx) -> None:
    """A plan for the large checkpoint needs no download; its estimate is the published one."""
    request = endpoint_example(aspect_ratio="16:9", images=[])
    done = ltx("plan", "-", "--model", "ltxv-13b-0.9.7-distilled", stdin=json.dumps(request))
    plan = json.loads(done.stdout)
    assert plan["first_pass"]["tokens"] == 6240
    assert plan["estimate"]["tflops"] == pytest.approx(4641, rel=0.01)


def test_media_may_be_beside_the_request_or_on_a_server(
    ltx: Ltx, tmp_path: Path, httpserver: HTTPServer
) -> None:
    """Relative paths start from the request's folder, not from where the command runs."""
    folder = tmp_path / "requests"
    folder.mkdir()
    (folder / "photo.jpg").write_bytes((SAMPLES / "coffee.jpg").read_bytes())
    (folder / "a.json").write_text(
        json.dumps({"prompt": "x", "images": [{"image_url": "photo.jpg"}]})
    )
    plan = json.loads(ltx("plan", "requests/a.json").stdout)
    assert abs(plan["width"] / plan["height"] - 1.5) < 0.01


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ('{"prompt": "x", "seed": ' + "9" * 5000 + "}", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        (r'{"prompt": "a\u0000b"}', "prompt: has a control character"),
        ("[]", "must be a JSON object"),
        ('{"prompt": "x", "frame_rat": 1}', "frame_rat: is not a field; did you mean 'frame_rate'"),
        ('{"prompt": "x", "images": [{"image_url": "no.jpg"}]}', "images.0.image_url: there is no"),
        ('{"prompt": "x", "images": [{"image_url": "http://127.0.0.1/x"}]}', "images.0.image_url"),
        ('{"prompt": "x", "loras": [{"path": "a"}]}', "loras.0.path: there is no file"),
    ],
)
def test_a_bad_request_is_one_clear_line(ltx: Ltx, text: str, said: str) -> None:
    """The line names the field; the exit code is 1; there is no traceback and no output."""
    done = ltx("plan", "-", stdin=text)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("ltx: ")
    assert said in done.stderr


def test_every_violation_is_a_line(ltx: Ltx) -> None:
    """Several mistakes are several lines of one run."""
    done = ltx("plan", "-", stdin='{"prompt": "", "frame_rate": 0}')
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("arguments", [[], ["--nonsense", "x"], ["a.json", "b.json"]])
def test_wrong_usage_exits_with_2(ltx: Ltx, arguments: list[str]) -> None:
    """The command used wrongly says how it is used."""
    done = ltx("plan", *arguments)
    assert done.returncode == 2
    assert "Usage: ltx plan" in done.stderr


def test_help_names_the_commands(ltx: Ltx) -> None:
    """`ltx --help` and `ltx` alone show what there is."""
    for command in ("generate", "plan", "demo", "doctor"):
        assert command in ltx("--help").stdout
    assert ltx("--version").stdout.startswith("ltx-flows ")
