"""What the OpenAPI page says of bodies that are taken as they come."""

from __future__ import annotations

from typing import Any

from deployments.gateway.files.sending import PartList

BYTES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_LIST = PartList.model_json_schema(ref_template="#/components/schemas/{model}")
_LIST.pop("$defs")
_LIST["properties"]["parts"]["items"] = {
    "type": "object",
    "required": ["partNumber", "etag"],
    "properties": {"partNumber": {"type": "integer"}, "etag": {"type": "string"}},
}
PARTS: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": _LIST}}}
}
