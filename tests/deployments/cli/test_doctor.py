"""`ltx doctor`: what it finds in a healthy house, and in one that is not."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner

from blocks.captioner import Captioner
from blocks.content_credentials import ContentCredentials
from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from blocks.prompt_expander import PromptExpander
from blocks.safety_checker import SafetyChecker
from blocks.text_moderator import TextModerator
from deployments.cli.main import app
from ltxv.signing_identity import development_identity

CHECKS = {
    *("python", "packages", "prefect", "ffmpeg", "ffprobe", "ffmpeg features"),
    *("encode and probe", "torch", "model", "memory", "store", "store address", "safety"),
    *("expander", "credentials"),
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the default store a folder of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def doctor(*options: str) -> tuple[int, dict[str, Any], str]:
    """Return exit code, findings by name and stderr of the command."""
    done = CliRunner().invoke(app, ["doctor", *options])
    told = json.loads(done.stdout)
    assert told["ok"] is (done.exit_code == 0)
    return done.exit_code, {check["name"]: check for check in told["checks"]}, done.stderr


def failed(checks: dict[str, Any]) -> set[str]:
    """Return the names of the failed checks, each of which must have a remedy."""
    names = {name for name, check in checks.items() if check["state"] == "failed"}
    assert all(checks[name]["remedy"] for name in names)
    return names


def test_a_healthy_house_is_ok_and_left_as_it_was(prefect_server: None, home: Path) -> None:
    """Every check is reported, a line each, and no file stays behind in the store."""
    code, checks, said = doctor("--model", "tiny")
    assert (code, failed(checks)) == (0, set())
    assert set(checks) == CHECKS
    assert len(said.splitlines()) == len(CHECKS)
    assert list((home / ".ltx" / "store").iterdir()) == []


def test_a_store_that_refuses_writes(prefect_server: None, home: Path) -> None:
    """The store fails with its remedy; all other checks are still reported."""
    (home / "file").touch()
    MediaStore(root=str(home / "file" / "store")).save("doctor-full", overwrite=True)
    code, checks, _ = doctor("--model", "tiny", "--store", "doctor-full")
    assert (code, failed(checks)) == (1, {"store"})
    assert set(checks) == CHECKS - {"store address"}


def test_a_bucket_that_does_not_know_the_key(prefect_server: None, httpserver: HTTPServer) -> None:
    """The bucket and the server's word are told, with what to check, and the secret is not."""
    httpserver.expect_request(re.compile("/")).respond_with_data("", status=403)
    MediaStore(
        root="s3://videos/ltx",
        endpoint_url=httpserver.url_for("").rstrip("/"),
        region="us-east-1",
        key=SecretStr("AKIDGONE"),
        secret=SecretStr("a-secret-of-tests"),
    ).save("doctor-key", overwrite=True)
    _, checks, said = doctor("--model", "tiny", "--store", "doctor-key")
    assert failed(checks) == {"store"}
    assert "in bucket videos failed: 403: Forbidden" in checks["store"]["detail"]
    assert "the key, the secret" in checks["store"]["remedy"]
    assert "a-secret-of-tests" not in said


@pytest.mark.parametrize(
    ("valid", "state", "said"),
    [
        (timedelta(days=3650), "ok", "not a trusted identity signs until 20"),
        (timedelta(days=10), "warning", "not a trusted identity signs until 20"),
        (timedelta(hours=-1), "failed", "the signing certificate is not valid now"),
    ],
)
def test_a_signing_identity_is_looked_at_before_it_ends(
    prefect_server: None, valid: timedelta, state: str, said: str
) -> None:
    """The date is told; a month before it a warning, after it a failure, say to renew it."""
    identity = development_identity(valid=valid)
    ContentCredentials(certificate=identity.certificate, key=SecretStr(identity.key)).save(
        "doctor-signer", overwrite=True
    )
    _, checks, _ = doctor("--model", "tiny", "--credentials", "doctor-signer")
    assert checks["credentials"]["state"] == state
    assert said in checks["credentials"]["detail"]
    assert ("renew" in checks["credentials"]["remedy"]) is (state != "ok")


def test_a_prefect_server_with_a_password(httpserver: HTTPServer) -> None:
    """One that lets nobody in without says which setting has it."""
    httpserver.expect_request("/api/health").respond_with_json(True)
    httpserver.expect_request("/api/admin/version").respond_with_data("no", status=401)
    with temporary_settings({PREFECT_API_URL: httpserver.url_for("/api")}):
        _, checks, _ = doctor("--model", "tiny")
    assert failed(checks) == {"prefect"}
    assert "PREFECT_API_AUTH_STRING" in checks["prefect"]["remedy"]


def test_a_missing_ffmpeg(prefect_server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs ffmpeg fails and names the variable; ffprobe and the rest are well."""
    monkeypatch.setenv("LTX_FFMPEG", "no-such-ffmpeg")
    _, checks, said = doctor("--model", "tiny")
    assert failed(checks) == {"ffmpeg", "ffmpeg features", "encode and probe", "credentials"}
    assert "LTX_FFMPEG" in checks["ffmpeg"]["remedy"]
    assert checks["ffmpeg"]["remedy"] in said


def test_a_missing_checkpoint(prefect_server: None) -> None:
    """A block that names weights which are not there fails as the model."""
    LTXModel(checkpoint="no such weights").save("doctor-none", overwrite=True)
    _, checks, _ = doctor("--model", "doctor-none")
    assert failed(checks) == {"model"}
    assert "use one of tiny" in checks["model"]["remedy"]


def test_an_expander_that_works(prefect_server: None) -> None:
    """The embedded model is asked for an expansion, and one that is nobody is no failure."""
    _, checks, _ = doctor("--model", "tiny", "--expander", "embedded")
    assert failed(checks) == set()
    assert "wrote 'a cat looks up' out" in checks["expander"]["detail"]
    _, checks, _ = doctor("--model", "tiny")
    assert checks["expander"]["detail"].startswith("none")


def test_an_expander_and_a_captioner_that_do_not(
    prefect_server: None, httpserver: HTTPServer
) -> None:
    """An endpoint that says no fails with where its settings are; so does the captioner."""
    url = httpserver.url_for("/v1")
    captioner = Captioner(base_url=url, model="vlm")
    captioner.save("doctor-mute", overwrite=True)
    PromptExpander(backend="endpoint", base_url=url, model="llm", captioner=captioner).save(
        "doctor-mute", overwrite=True
    )
    httpserver.expect_request("/v1/chat/completions").respond_with_data("no", status=401)
    code, checks, _ = doctor("--model", "tiny", "--expander", "doctor-mute")
    assert (code, failed(checks)) == (1, {"expander", "captioner"})
    assert "HTTP 401, so its key is wrong" in checks["expander"]["detail"]
    assert "LTX Prompt Expander block" in checks["expander"]["remedy"]
    assert "LTX Captioner block" in checks["captioner"]["remedy"]


def test_a_model_that_is_not_downloaded_yet_is_a_warning(prefect_server: None) -> None:
    """The doctor downloads nothing; it says how to."""
    PromptExpander(backend="transformers", model="nobody/no-such-model").save(
        "doctor-hub", overwrite=True
    )
    code, checks, _ = doctor("--model", "tiny", "--expander", "doctor-hub")
    assert (code, checks["expander"]["state"]) == (0, "warning")
    assert "hf download nobody/no-such-model" in checks["expander"]["remedy"]


def test_an_unreachable_prefect_server() -> None:
    """The server fails with its remedy, without a long wait; default blocks are still examined."""
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        _, checks, _ = doctor("--model", "tiny")
    assert failed(checks) == {"prefect"}
    assert "PREFECT_API_URL" in checks["prefect"]["remedy"]
    assert set(checks) == CHECKS


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [
        ("Safety: Safe\nCategories: None", "ok", "passed 'a cat looks up'"),
        ("Safety: Unsafe\nCategories: Violent", "failed", "refused 'a cat looks up'"),
        ("Certainly!", "failed", "another form"),
    ],
)
def test_a_moderator_is_asked_about_a_harmless_prompt(
    prefect_server: None, httpserver: HTTPServer, answer: str, state: str, said: str
) -> None:
    """One that passes it is well; one that refuses it or talks has its remedy."""
    httpserver.expect_request("/v1/chat/completions").respond_with_json(
        {"choices": [{"message": {"content": answer}}]}
    )
    guard = TextModerator(base_url=httpserver.url_for("/v1"))
    guard.save("doctor-guard", overwrite=True)
    SafetyChecker(moderator=guard).save("doctor-guarded", overwrite=True)
    _, checks, _ = doctor("--model", "tiny", "--safety", "doctor-guarded")
    assert failed(checks) == ({"moderator"} if state == "failed" else set())
    assert checks["moderator"]["state"] == state
    assert said in checks["moderator"]["detail"]
    assert checks["safety"]["state"] == "ok"
