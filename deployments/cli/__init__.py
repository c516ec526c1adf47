"""The command ``ltx``: results as JSON on stdout, progress on stderr, errors as one line.

Exit codes: 0 done, 1 it could not be done, 2 the command was used wrongly.
"""

from __future__ import annotations

from deployments.cli.main import main

__all__ = ["main"]
