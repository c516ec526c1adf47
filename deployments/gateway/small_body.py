"""Small JSON bodies, read once it is known who sends them: a framework would read any first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from deployments.gateway.failures import Failure
from deployments.gateway.intake import body_of, json_of

_LARGEST = 64 * 2**10

M = TypeVar("M", bound=BaseModel)


def small_body(model: type[M]) -> Callable[[Request], Awaitable[M]]:
    """Return a dependency that gives the body of a request; to stand after that on its sender.

    Args:
        model: What the body says.
    """

    async def read(request: Request) -> M:
        told = json_of(await body_of(request, most=_LARGEST))
        try:
            return model.model_validate(told)
        except ValidationError as error:
            wrong = [
                {"loc": ["body", *one["loc"]], "msg": one["msg"], "type": one["type"]}
                for one in error.errors(include_url=False, include_input=False)
            ]
            raise Failure.of_details(wrong) from error

    return read


def body_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return what the OpenAPI page says of such a body; the model refers to no other."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}
