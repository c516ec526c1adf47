"""Errors that were raised on purpose, logged as the one line they are."""

from __future__ import annotations

import logging

from ltxv.errors import LTXError

_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")
_OF_THREADS = "Timeout of %s seconds configured for this task, but the task is running in a worker"
"""A lecture that Prefect gives for every stage of every row of a batch."""


class _Plain(logging.Filter):
    """Cut the traceback of an ``LTXError``: it would tell a user about our files, not theirs."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, str) and record.msg.startswith(_OF_THREADS):
            return False
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if isinstance(error, LTXError):
            record.exc_info = record.exc_text = None
            record.msg, record.args = "%s", (str(error),)
        return True


def log_errors_plainly() -> None:
    """Make the loggers of flow and task runs do so; more calls change nothing."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(known, _Plain) for known in logger.filters):
            logger.addFilter(_Plain())
