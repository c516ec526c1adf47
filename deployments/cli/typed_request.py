"""A request as it is typed: a file, and options in the place of its fields."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from deployments.cli.items import item


def items_of(texts: Sequence[str] | None, *, field: str) -> list[dict[str, Any]] | None:
    """Return conditioning items as they are typed; None if there are none.

    Args:
        texts: PATH_OR_URL[@START_FRAME[:STRENGTH]].
        field: ``image_url`` or ``video_url``.
    """
    return [item(text, field=field) for text in texts] if texts else None


def folder_of(request_file: Path | None) -> Path:
    """Return the folder that relative paths in a request start from."""
    if request_file is None or str(request_file) == "-":
        return Path.cwd()
    return request_file.absolute().parent


def merged(data: Any, given: Mapping[str, Any], settings: Sequence[str]) -> Any:
    """Return the request with the options that were given in the place of its fields."""
    if not isinstance(data, dict):
        return data
    options = {field: value for field, value in given.items() if value is not None}
    return {**data, **options, **settings_of(settings)}


def settings_of(texts: Sequence[str]) -> dict[str, Any]:
    """Return fields and values of FIELD=VALUE; a value that is no JSON is text.

    Raises:
        BadParameter: One is not of this form.
    """
    return dict(_setting(text) for text in texts)


def _setting(text: str) -> tuple[str, Any]:
    field, equals, value = text.partition("=")
    if not equals or not field:
        raise typer.BadParameter(f"{text!r} is not FIELD=VALUE", param_hint="--set")
    try:
        return field, json.loads(value)
    except (ValueError, RecursionError):
        return field, value
