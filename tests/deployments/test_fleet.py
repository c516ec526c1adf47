"""The files for several machines: what they start is there, and understands what it is told."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from prefect.settings import Settings
from prefect_redis.cleanup_queue import RedisWorkerCleanupQueueSettings
from prefect_redis.client import RedisMessagingSettings
from pydantic_settings import BaseSettings

from deployments.cli.main import app

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "deployments" / "compose.yaml").read_text())
SERVICES: Mapping[str, Any] = COMPOSE["services"]
OBJECTS = list(
    yaml.safe_load_all((ROOT / "deployments" / "kubernetes" / "workers.yaml").read_text())
)
VALUES = yaml.safe_load((ROOT / "deployments" / "kubernetes" / "prefect-server.yaml").read_text())
GUIDE = (ROOT / "docs" / "fleet.md").read_text()
VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)(?::[-?][^}]*)?\}")


def containers() -> Iterator[tuple[str, Any]]:
    """Yield each container of the Kubernetes objects, with the object's name."""
    for one in OBJECTS:
        template = one.get("spec", {}).get("template")
        if template:
            for container in template["spec"]["containers"]:
                yield one["metadata"]["name"], container


def commands() -> Iterator[list[str]]:
    """Yield what the containers with our image run."""
    for service in SERVICES.values():
        if service["image"] == "ltx-flows":
            yield service["command"]
    for _, container in containers():
        yield container["args"]


def settings_of(kind: type[BaseSettings]) -> Iterator[str]:
    """Yield the environment variables of settings, nested ones included."""
    for name, field in kind.model_fields.items():
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, BaseSettings):
            yield from settings_of(nested)
        yield f"{kind.model_config.get('env_prefix', '')}{name}".upper()
        for alias in getattr(field.validation_alias, "choices", ()):
            if isinstance(alias, str):
                yield alias.upper()


def test_commands_are_understood() -> None:
    """Every `ltx` command that is started there exists and takes its options; so do modules."""
    command = typer.main.get_command(app)
    started = list(commands())
    assert ["ltx", "worker"] in [line[:2] for line in started]
    for program, *arguments in started:
        if program == "ltx":
            name, *options = [VARIABLE.sub("x", argument) for argument in arguments]
            command.commands[name].make_context(name, options)  # type: ignore[attr-defined]
        elif program == "python":
            importlib.import_module(arguments[1])
        else:
            assert program == "prefect"


def test_prefects_settings_are_ones_it_has() -> None:
    """A name that is misspelt would be passed over in silence."""
    known = {
        *settings_of(Settings),
        *settings_of(RedisMessagingSettings),
        *settings_of(RedisWorkerCleanupQueueSettings),
    }
    named = {name for service in SERVICES.values() for name in service.get("environment", {})}
    for _, container in containers():
        named |= {one["name"] for one in container.get("env", [])}
    for part in ("server", "backgroundServices"):
        named |= {one["name"] for one in VALUES[part]["env"]}
    asked = {name for name in named if name.startswith("PREFECT_")}
    assert len(asked) > 8
    assert asked <= known, asked - known


def test_services_wait_for_what_is_there() -> None:
    """Whom a service waits for exists and can be healthy; volumes and variables are declared."""
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES, (name, other)
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], (name, other)
            if how["condition"] == "service_completed_successfully":
                assert SERVICES[other]["restart"] == "no", (name, other)
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in COMPOSE["volumes"], (name, volume)
    text = (ROOT / "deployments" / "compose.yaml").read_text()
    assert {name for name in VARIABLE.findall(text) if name not in GUIDE} == set()


def test_no_password_is_in_the_files() -> None:
    """Passwords and keys come from the environment or from secrets; none has a default."""
    text = (ROOT / "deployments" / "compose.yaml").read_text()
    for name in ("POSTGRES_PASSWORD", "PREFECT_PASSWORD", "S3_SECRET", "S3_KEY"):
        assert f"${{{name}:?" in text
        assert f"${{{name}:-" not in text
    for _, container in containers():
        for one in container.get("env", []):
            assert "AUTH" not in one["name"] or "valueFrom" in one


def test_workers_are_given_time_to_end_and_no_root() -> None:
    """Pods and services with GPUs may finish their runs; no pod runs as root."""
    assert SERVICES["worker"]["stop_grace_period"] == "1h"
    (worker,) = [
        one
        for one in OBJECTS
        if one["metadata"]["name"] == "ltx-worker" and "template" in one["spec"]
    ]
    pod = worker["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] >= 600
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
    for one in OBJECTS:
        if "template" in one.get("spec", {}):
            assert one["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"]
    image = (ROOT / "deployments" / "Dockerfile").read_text()
    assert image.count("\nUSER ltx\n") == 1


@pytest.mark.parametrize(
    "line",
    re.findall(
        r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$",
        (ROOT / "deployments" / "Dockerfile").read_text(),
        re.MULTILINE,
    ),
)
def test_the_image_is_made_of_what_is_there(line: str) -> None:
    """What is copied exists, and is not kept from the builder."""
    passed = (ROOT / ".dockerignore").read_text().split()
    for name in line.split():
        assert (ROOT / name).exists()
        assert f"!{name}" in passed
