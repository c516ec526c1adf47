"""Spans: sent where an endpoint says, and nowhere without one."""

from __future__ import annotations

import os
import subprocess
import sys

from pytest_httpserver import HTTPServer

from tests.collector import collect, sent

_PROGRAM = """
from ltxv.tracing import carrier, span, start_tracing
start_tracing("ltx-test")
with span("flow", flow_run="a1", nothing=None):
    carried = carrier()
print(sorted(carried))
with span("engine", carried=carried):
    pass
"""


def run(**environment: str) -> tuple[str, str]:
    """Run a program with two spans, one of which another process might have made."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
        timeout=60,
    )
    return done.stdout.strip(), done.stderr


def test_spans_go_to_the_endpoint_as_one_trace(httpserver: HTTPServer) -> None:
    """What was carried makes a span the child of another; what is not known is left out."""
    collect(httpserver)
    carried, _ = run(OTEL_EXPORTER_OTLP_ENDPOINT=httpserver.url_for("").rstrip("/"))
    assert carried == "['traceparent']"
    flow, engine = sorted(sent(httpserver), key=lambda span: span.parent)
    assert (flow.name, flow.service, flow.parent) == ("flow", "ltx-test", "")
    assert flow.attributes == {"ltx.flow_run": "a1"}
    assert (engine.name, engine.trace, engine.parent) == ("engine", flow.trace, flow.id)


def test_without_an_endpoint_nothing_is_traced_or_carried() -> None:
    """Spans cost nothing and say nothing."""
    assert run() == ("[]", "")


def test_an_endpoint_without_the_sdk_is_one_warning() -> None:
    """It names the extra, and the program runs on."""
    program = f"import sys; sys.modules['opentelemetry.sdk.trace'] = None\n{_PROGRAM}"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        timeout=60,
    )
    assert "[tracing]" in done.stderr
    assert done.stdout.strip() == "[]"
