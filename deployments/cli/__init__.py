"""The command ``ltx``: results as JSON on stdout, progress on stderr, errors as one line.

Exit codes: 0 done, 1 it could not be done, 2 the command was used wrongly.
"""

from __future__ import annotations

import os

from deployments.speaker import LOG_FORMAT, PREFECT_AS_JSON

_PREFECT = {
    # Its console would repeat what the terminal shows; its server still gets every line.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    # A first start makes a database, which takes longer than the default 20 seconds on a busy
    # machine.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}


def main() -> None:
    """Run ``ltx``."""
    as_json = PREFECT_AS_JSON if os.environ.get(LOG_FORMAT) == "json" else {}
    for name, value in {**_PREFECT, **as_json}.items():
        os.environ.setdefault(name, value)
    from deployments.cli.main import run_command  # noqa: PLC0415 - Prefect reads them on import

    run_command()
