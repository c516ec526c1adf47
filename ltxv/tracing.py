"""Spans of OpenTelemetry: off unless an endpoint is set, and nothing without its SDK."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from opentelemetry import propagate, trace
from opentelemetry.util.types import AttributeValue

P = ParamSpec("P")
R = TypeVar("R")

TRACEPARENT = "ltx.traceparent"
"""Label of a flow run that was submitted inside a span: which one."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_FLUSH_MILLISECONDS = 5000
_started: set[str] = set()


def start_tracing(service: str) -> None:
    """Send this process's spans to the endpoint of the environment, if one is set.

    A program that set up tracing of its own keeps it. More calls change nothing.

    Args:
        service: Name of the process, unless ``OTEL_SERVICE_NAME`` gives another.
    """
    if _started or not any(os.environ.get(name) for name in _ENDPOINTS):
        return
    _started.add(service)
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - an extra
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        logging.getLogger("ltx.tracing").warning(
            "an OpenTelemetry endpoint is set and its SDK is not installed, so nothing is traced; "
            "run `pip install -c constraints.txt '.[tracing]'`"
        )
        return
    named = {SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME", service)}
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def send_spans() -> None:
    """Send what was traced so far: this process is about to end without its usual end."""
    send = getattr(trace.get_tracer_provider(), "force_flush", None)
    if send is not None:
        send(_FLUSH_MILLISECONDS)


@contextmanager
def span(
    name: str, *, carried: Mapping[str, str] | None = None, **attributes: AttributeValue | None
) -> Iterator[trace.Span]:
    """Trace what happens inside.

    Args:
        name: What happens.
        carried: What ``carrier`` gave where it was asked for, in this process or another; the
            span around this one if left out.
        attributes: What is known of it; ``ltx.`` is put before their names.
    """
    context = propagate.extract(carried) if carried else None
    known = {f"ltx.{key}": value for key, value in attributes.items() if value is not None}
    tracer = trace.get_tracer("ltx-flows")
    with tracer.start_as_current_span(name, context=context, attributes=known) as started:
        yield started


def carrier() -> dict[str, str]:
    """Return what makes spans elsewhere the children of the one at hand."""
    carried: dict[str, str] = {}
    propagate.inject(carried)
    return carried


def traced(name: str, function: Callable[P, R]) -> Callable[P, R]:
    """Return ``function`` in a span of its own."""

    @functools.wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with span(name):
            return function(*args, **kwargs)

    return inside
