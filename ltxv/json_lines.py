"""Log records as lines of JSON."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

_FROM_RUNS = {
    "flow_run": "flow_run_id",
    "flow_run_name": "flow_run_name",
    "task_run": "task_run_id",
    "stage": "task_name",
}
"""What Prefect's run loggers note in their records, under the names it has here."""


class LineHandler(logging.StreamHandler[TextIO]):
    """Write each record as a line, to a stream that nobody may read any more.

    What is given beside the stream is for a handler with colours, and taken no notice of.
    """

    def __init__(self, stream: TextIO | None = None, **_: Any) -> None:
        super().__init__(stream)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Let a record go whose reader is gone; tell of any other fault as ever."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


class JSONLines(logging.Formatter):
    """Write each record as one line: time, level, logger, message, and whose it is.

    Fields of our own are given as ``extra={"fields": {…}}``.
    """

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()  # there is no template to be given

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, attribute in _FROM_RUNS.items():
            value = getattr(record, attribute, None)
            if isinstance(value, str) and value:
                told[name] = value
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            told |= {name: value for name, value in fields.items() if value is not None}
        if record.exc_info and record.exc_info[0] is not None:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)
