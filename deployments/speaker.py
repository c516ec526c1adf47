"""What long-lived processes write to stderr: lines for people, or JSON for a log collector."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, Protocol

from ltxv.errors import Misconfigured
from ltxv.json_lines import JSONLines, LineHandler

LOG_FORMAT = "LTX_LOG_FORMAT"
"""Environment variable: `text`, or `json` for a line of JSON for each record."""

LINE_HANDLER = f"{LineHandler.__module__}.{LineHandler.__name__}"
PREFECT_AS_JSON: Mapping[str, str] = {
    "PREFECT_LOGGING_FORMATTERS_JSON_CLASS": f"{JSONLines.__module__}.{JSONLines.__name__}",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_CLASS": LINE_HANDLER,
    "PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER": "json",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO",
}
"""Settings by which Prefect's loggers, and so those of runs, do the same."""


class Say(Protocol):
    """Writes a line."""

    def __call__(self, line: str, /, **fields: Any) -> None:
        """Write ``line``; as JSON with what it is about beside it."""


def logs_are_json() -> bool:
    """Say whether logs are asked for as JSON.

    Raises:
        Misconfigured: They are asked for as something else.
    """
    asked = os.environ.get(LOG_FORMAT, "text")
    if asked not in {"text", "json"}:
        raise Misconfigured(f"{LOG_FORMAT} is {asked!r}; set it to text or json")
    return asked == "json"


def speaker(name: str) -> Say:
    """Return what writes the lines of one process.

    Args:
        name: Of the process, such as ``engine``.
    """
    if not logs_are_json():
        return _say_plainly
    handler = logging.StreamHandler()
    handler.setFormatter(JSONLines())
    logger = logging.getLogger(f"ltx.{name}")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(logging.INFO)

    def say(line: str, /, **fields: Any) -> None:
        logger.info(line, extra={"fields": fields})

    return say


def _say_plainly(line: str, /, **_: Any) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
