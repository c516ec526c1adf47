"""Log records as JSON, as Python's logging configures them."""

from __future__ import annotations

import json
import logging.config
import os
import subprocess
import sys
from io import StringIO

from ltxv.json_lines import JSONLines


def logged(**extra: object) -> dict[str, object]:
    """Return the line of an error in a logger that is configured by a dictionary."""
    out = StringIO()
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": {"class": "ltxv.json_lines.JSONLines", "format": "default"}},
            "handlers": {
                "out": {"class": "logging.StreamHandler", "stream": out, "formatter": "json"}
            },
            "loggers": {"lines": {"handlers": ["out"], "propagate": False}},
        }
    )
    try:
        int("torn\nin two")
    except ValueError:
        logging.getLogger("lines").exception("it is %s", "gone", extra=extra)
    (line,) = out.getvalue().splitlines()
    told: dict[str, object] = json.loads(line)
    return told


def test_a_record_is_one_line_with_whose_it_is() -> None:
    """Run, stage and fields of our own are keys; a traceback is text within."""
    told = logged(flow_run_id="a1", task_name="decode", fields={"seconds": 1.5, "outcome": None})
    assert told["time"]
    assert (told["level"], told["logger"], told["message"]) == ("error", "lines", "it is gone")
    assert (told["flow_run"], told["stage"], told["seconds"]) == ("a1", "decode", 1.5)
    assert "outcome" not in told
    assert "torn\\nin two" in str(told["exception"])
    assert JSONLines.__module__ == "ltxv.json_lines"


def test_prefects_logs_are_such_lines_in_processes_that_ask_for_them() -> None:
    """With the settings of `LTX_LOG_FORMAT=json`, every line of a Prefect logger is JSON."""
    code = (
        "from prefect import flow\n"  # which sets its loggers up
        "from prefect.logging import get_logger\n"
        "get_logger('runner').info('a [red]long[/red] line %s', 'x' * 300)\n"
    )
    from deployments.speaker import PREFECT_AS_JSON  # noqa: PLC0415

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **PREFECT_AS_JSON},
        timeout=60,
    )
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["message"] == f"a [red]long[/red] line {'x' * 300}"
