"""What the OpenAPI page says of bodies that are read by hand."""

from __future__ import annotations

from typing import Any, Literal

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


def request_body(endpoint: Endpoint) -> dict[str, Any]:  # noqa: ARG001 - siblings differ
    """Return the schema of an endpoint's body."""
    content = {"application/json": {"schema": {"$ref": _REF.format(model="VideoRequest")}}}
    return {"requestBody": {"required": True, "content": content}}


def with_requests(page: dict[str, Any]) -> dict[str, Any]:
    """Return the page with the schemas that the bodies refer to."""
    mode: Literal["validation"] = "validation"
    schema = VideoRequest.model_json_schema(ref_template=_REF, mode=mode)
    parts = schema.pop("$defs", {})
    known = page.setdefault("components", {}).setdefault("schemas", {})
    known.update({**parts, "VideoRequest": schema})
    return page
