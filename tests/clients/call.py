"""One call of fal-client: ``python call.py JSON``.

It is led to a gateway by its environment, or where JSON has ``gateway``, by the client's constants.

Prints one line of JSON: what the client gave back, or the error as a program sees it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import fal_client
import fal_client.client

USUAL = "fal-ai/ltx-video-13b-distilled/multiconditioning"


def main() -> None:
    """Make the call."""
    asked = json.loads(sys.argv[1])
    id_ = asked.get("endpoint", USUAL)
    if "gateway" in asked:
        fal_client.client.RUN_URL_FORMAT = f"{asked['gateway']}/run/"
        fal_client.client.QUEUE_URL_FORMAT = f"{asked['gateway']}/queue/"
        fal_client.client.REST_URL = f"{asked['gateway']}/rest"
        fal_client.client.CDN_URL = f"{asked['gateway']}/media"
    updates: list[dict[str, Any]] = []

    def on_update(update: fal_client.Status) -> None:
        logs = [log["message"] for log in getattr(update, "logs", None) or []]
        updates.append({"status": type(update).__name__, "logs": logs})

    def submit() -> str:
        return fal_client.submit(id_, asked["input"], **asked.get("options", {})).request_id

    def upload() -> str:
        told = asked["file"]
        content = (b"LTX flows " * (told["size"] // 10 + 1))[: told["size"]]
        return fal_client.upload(content, told["type"], told["name"], lifecycle=lifecycle())

    def lifecycle() -> fal_client.client.StorageSettings | None:
        if "options" not in asked:
            return None
        acl = fal_client.client.StorageACL(**asked["options"]["initial_acl"])
        return fal_client.client.StorageSettings(
            expires_in=asked["options"]["expires_in"], initial_acl=acl
        )

    calls = {
        "upload": upload,
        "subscribe": lambda: fal_client.subscribe(
            id_, asked["input"], with_logs=True, on_queue_update=on_update
        ),
        "run": lambda: fal_client.run(id_, asked["input"]),
        "submit": submit,
        "status": lambda: type(fal_client.status(id_, asked["id"], with_logs=True)).__name__,
        "result": lambda: fal_client.result(id_, asked["id"]),
        "cancel": lambda: fal_client.cancel(id_, asked["id"]),
    }
    try:
        told = {"value": calls[asked["call"]](), "updates": updates}
    except fal_client.FalClientHTTPError as error:
        told = {
            "error": {
                "message": error.message,
                "status": error.status_code,
                "type": error.error_type,
            },
            "updates": updates,
        }
    print(json.dumps(told))  # noqa: T201 - its output


if __name__ == "__main__":
    main()
