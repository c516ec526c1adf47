"""What a server was sent as spans of OpenTelemetry."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pytest_httpserver import HTTPServer

PATH = "/v1/traces"


@dataclass(frozen=True)
class Sent:
    """A span that arrived."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]


def collect(server: HTTPServer) -> None:
    """Have a server take spans."""
    server.expect_request(PATH, method="POST").respond_with_data(b"")


def sent(server: HTTPServer) -> list[Sent]:
    """Return all spans that a server was sent so far."""
    spans = []
    for request, _ in server.log:
        body = request.get_data()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        told = ExportTraceServiceRequest.FromString(body)
        for resource in told.resource_spans:
            service = _values(resource.resource.attributes)["service.name"]
            spans += [
                Sent(
                    service=service,
                    name=span.name,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    attributes=_values(span.attributes),
                )
                for scope in resource.scope_spans
                for span in scope.spans
            ]
    return spans


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: _value(one.value) for one in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(part) for part in value.array_value.values]
    return getattr(value, kind)
