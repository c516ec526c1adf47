"""A chat endpoint for tests: a real HTTP server that says what it is told to say."""

from __future__ import annotations

import json
from typing import Any

from pytest_httpserver import HTTPServer

COMPLETIONS = "/v1/chat/completions"


def completion(content: Any, *, finish_reason: str = "stop") -> dict[str, Any]:
    """Return the body of an endpoint's answer."""
    message = {"role": "assistant", "content": content}
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish_reason}]}


def says(server: HTTPServer, content: Any, **more: Any) -> None:
    """Let the endpoint answer as a model that says ``content``, from now on."""
    server.clear()
    server.expect_request(COMPLETIONS, method="POST").respond_with_json(completion(content, **more))


def asked(server: HTTPServer) -> list[dict[str, Any]]:
    """Return what the endpoint was asked since it was told what to say."""
    return [json.loads(request.data) for request, _ in server.log if request.path == COMPLETIONS]
