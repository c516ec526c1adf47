"""`ltx prefetch`: weights from a Hub, all that is read of them and no more."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner

from deployments.cli.main import app
from ltxv.checkpoints import TINY, UPSAMPLER, find_checkpoint
from ltxv.errors import Misconfigured, Transient

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HTTPServer:
    """A server in the Hub's place, and an empty cache."""
    url = httpserver.url_for("").rstrip("/")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", url)
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
        f"{url}/{{repo_id}}/resolve/{{revision}}/{{filename}}",
    )
    return httpserver


def serve(hub: HTTPServer, repository: str, files: dict[str, bytes]) -> None:
    """Have the server know a repository."""
    about = {
        "id": repository,
        "sha": COMMIT,
        "siblings": [{"rfilename": name} for name in files],
    }
    hub.expect_request(f"/api/models/{repository}/revision/main").respond_with_json(about)
    listing = [
        {"type": "file", "path": name, "size": len(content), "oid": "0" * 40}
        for name, content in files.items()
    ]
    hub.expect_request(f"/api/models/{repository}/tree/{COMMIT}").respond_with_json(listing)
    for name, content in files.items():
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
        hub.expect_request(f"/{repository}/resolve/{COMMIT}/{name}").respond_with_data(
            content, headers=headers
        )


def checkpoint_files() -> dict[str, bytes]:
    """Return a small checkpoint in diffusers' layout, with what nobody reads beside it."""
    files = {
        str(path.relative_to(TINY)): path.read_bytes()
        for path in TINY.rglob("*.json")
        if "latent_upsampler" not in path.parts
    }
    return {
        **files,
        "vae/diffusion_pytorch_model.safetensors": b"weights",
        "vae/diffusion_pytorch_model.bin": b"a pickle",
        "ltxv-13b-whole.safetensors": b"another form of the same",
        "media/trailer.mp4": b"a film",
    }


def test_what_is_read_is_fetched_once(hub: HTTPServer) -> None:
    """Parts and the upsampler come, pickles, films and single files do not; again asks no file."""
    serve(hub, "someone/video", checkpoint_files())
    upsampler = {"latent_upsampler/config.json": b"{}", "README.md": b"about"}
    serve(hub, UPSAMPLER, upsampler)
    done = CliRunner().invoke(app, ["prefetch", "--model", "tiny"])
    assert json.loads(done.stdout)["folders"] == [str(TINY)]
    from ltxv.prefetch import prefetch  # noqa: PLC0415 - beside its use

    folders = list(prefetch(find_checkpoint("someone/video")))
    found = {str(path.relative_to(folders[0])) for path in Path(folders[0]).rglob("*.*")}
    assert "vae/diffusion_pytorch_model.safetensors" in found
    assert "model_index.json" in found
    assert not [name for name in found if name.endswith((".bin", ".mp4")) or "whole" in name]
    assert (Path(folders[1]) / "latent_upsampler" / "config.json").is_file()
    fetched = [request.path for request, _ in hub.log if "/resolve/" in request.path]
    hub.clear_log()
    list(prefetch(find_checkpoint("someone/video")))
    again = [request.path for request, _ in hub.log if "/resolve/" in request.path]
    assert fetched
    assert again == []


def test_a_hub_that_says_no_or_nothing(hub: HTTPServer) -> None:
    """A repository that is not there is the operator's, a server that fails is of the moment."""
    from ltxv.prefetch import prefetch  # noqa: PLC0415 - beside its use

    hub.expect_request("/api/models/someone/none/revision/main").respond_with_data(
        status=404, headers={"X-Error-Code": "RepoNotFound"}
    )
    with pytest.raises(Misconfigured, match="no someone/none at main"):
        list(prefetch(find_checkpoint("someone/none")))
    hub.expect_request("/api/models/someone/ill/revision/main").respond_with_data(status=500)
    with pytest.raises(Transient, match="someone/ill cannot be had"):
        list(prefetch(find_checkpoint("someone/ill")))
