"""What the OpenAPI page says of bodies that are read by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from deployments.gateway.endpoint_ids import Endpoint
from ltxv.request import VideoRequest

_REF = "#/components/schemas/{model}"


class Wrong(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(extra="allow")

    loc: list[str | int] = Field(description="Path of the field, from `body`.")
    msg: str
    type: str
    url: str


class RequestError(BaseModel):
    """What is wrong with a request."""

    detail: list[Wrong]
    message: str


class CarryingOutError(BaseModel):
    """What went wrong with carrying a request out, or who may not ask."""

    detail: str
    message: str
    error_type: str = "internal_error"


ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": CarryingOutError, "description": "It is not to be had."},
    "422": {"model": RequestError, "description": "The request is not acceptable."},
    "5XX": {"model": CarryingOutError, "description": "It could not be carried out."},
}


def request_body(endpoint: Endpoint) -> dict[str, Any]:
    """Return the schema of an endpoint's body."""
    schema: dict[str, Any] = {"$ref": _REF.format(model="VideoRequest")}
    if not endpoint.kind.takes_lists or endpoint.defaults:
        schema = _own_schema(endpoint)
    return _body(schema)


def own_body(endpoint: Endpoint, more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of an endpoint's body with further fields."""
    schema = _own_schema(endpoint)
    schema["properties"] = {**schema["properties"], **more}
    return _body({**schema, "title": f"{endpoint.id}/{'/'.join(more)}"})


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def with_requests(page: dict[str, Any]) -> dict[str, Any]:
    """Return the page with the schemas that the bodies refer to."""
    schema = VideoRequest.model_json_schema(ref_template=_REF)
    parts = schema.pop("$defs", {})
    known = page.setdefault("components", {}).setdefault("schemas", {})
    known.update({**parts, "VideoRequest": schema})
    return page


def _own_schema(endpoint: Endpoint) -> dict[str, Any]:
    """Return the request's schema with the fields and defaults of a sibling endpoint."""
    schema = VideoRequest.model_json_schema(ref_template=_REF)
    parts = schema.pop("$defs", {})
    fields: dict[str, Any] = schema["properties"]
    for name, default in endpoint.defaults.items():
        fields[name] = {**fields[name], "default": default}
    kind = endpoint.kind
    if not kind.takes_lists:
        del fields["images"], fields["videos"]
    if kind.field is not None:
        item = parts["ImageConditioning"]["properties"].get(kind.field)
        fields[kind.field] = item or {"$ref": _REF.format(model="VideoConditioning")}
        schema["required"] = [*schema["required"], kind.field]
    return {**schema, "title": endpoint.id}
