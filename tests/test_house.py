"""The house rules that no single module could break alone."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.flows import load_flow_from_entrypoint

import blocks

FLOWS = ["flows.generate.generate_video", "flows.batch.generate_batch"]
HEAVY = ("torch", "diffusers", "transformers", "onnxruntime", "s3fs", "c2pa", "xllamacpp")


def python(code: str) -> str:
    """Run code in a fresh interpreter and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "module",
    ["flows.generate", "flows.batch", "deployments.cli", "blocks", "blocks.saved", "ltxv.plan"],
)
def test_orchestration_starts_light(module: str) -> None:
    """A process that only orchestrates loads no model library."""
    loaded = python(
        f"import sys, {module}\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert loaded == "[]"


@pytest.mark.parametrize("flow", FLOWS)
def test_flows_load_by_their_module_path(flow: str) -> None:
    """A missing library shows as an error, never as a flow that does nothing."""
    loaded = load_flow_from_entrypoint(flow, use_placeholder_flow=False)
    assert loaded.fn.__module__ == flow.rpartition(".")[0]


def test_blocks_are_registered_through_the_entry_point() -> None:
    """Prefect finds the blocks without being told where they are."""
    slugs = python(
        "from prefect.plugins import load_prefect_collections\n"
        "from prefect.blocks.core import Block\n"
        "from prefect.utilities.dispatch import get_registry_for_type\n"
        "load_prefect_collections()\n"
        "print(' '.join(get_registry_for_type(Block)))"
    )
    kinds = (
        "model",
        "media-store",
        "safety-checker",
        "content-credentials",
        "text-moderator",
        "local-moderator",
        "prompt-expander",
        "captioner",
        "gateway-identity",
    )
    assert {f"ltx-{kind}" for kind in kinds} <= set(slugs.split())


def test_every_field_of_every_block_is_in_the_docs() -> None:
    """Each block has a section of docs/blocks.md, with a row for each field."""
    page = (Path(__file__).parents[1] / "docs" / "blocks.md").read_text()
    sections = dict(part.split("\n", 1) for part in page.split("\n## ")[1:])
    for name in blocks.__all__:
        kind = getattr(blocks, name)
        rows = [row for row in sections[kind._block_type_name].split("\n") if row.startswith("|")]
        named = {field for row in rows for field in re.findall(r"`(\w+)`", row.split("|")[1])}
        assert named == kind.model_fields.keys(), name


def test_the_run_form_describes_the_request() -> None:
    """The parameters of the deployed flow show every field with its default and description."""
    flow = load_flow_from_entrypoint(FLOWS[0], use_placeholder_flow=False)
    schema = flow.parameters.model_dump()
    request = schema["definitions"]["VideoRequest"]["properties"]
    assert request["number_of_frames"]["default"] == 121
    assert "Frames a second" in request["frame_rate"]["description"]
    assert schema["properties"]["model"]["default"] == "default"
    assert "saved LTX Model" in schema["properties"]["model"]["description"]
