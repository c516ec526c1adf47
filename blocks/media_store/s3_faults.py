"""What an S3 server or the way to it says, as one of our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from ltxv.errors import Misconfigured, Transient

_ABSENT = ("NoSuchKey", "404", "NotFound")
_PRESENT = ("PreconditionFailed", "412", "ConditionalRequestConflict")
_FULL = HTTPStatus.INSUFFICIENT_STORAGE
_BUSY_CODES = (
    "SlowDown",
    "RequestTimeout",
    "OperationAborted",
    "Throttling",
    "ThrottlingException",
)
_BUSY_STATUSES = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS)


@contextmanager
def s3_faults(bucket: str) -> Iterator[None]:
    """Turn what s3fs raises into one clear line; an absent object stays ``FileNotFoundError``.

    Raises:
        FileNotFoundError: There is no such object.
        Misconfigured: Access is denied, the bucket or the credentials are missing, or the like.
        Transient: The server is busy or broken, or cannot be reached.
    """
    from botocore.exceptions import (  # type: ignore[import-untyped]  # noqa: PLC0415 - heavy
        BotoCoreError,
        ClientError,
    )

    try:
        yield
    except (BotoCoreError, ClientError, OSError, TimeoutError, ValueError) as error:
        answer = _answer(error, ClientError)
        if answer is not None:
            raise _from_answer(answer, bucket, error) from error
        raise _without_answer(error, bucket) from error


def says_present(error: BaseException) -> bool:
    """Say whether a server answered that there is an object where there should be none."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - heavy

    answer = _answer(error, ClientError) or {}
    return str(answer.get("Error", {}).get("Code", "")) in _PRESENT


def _answer(error: BaseException | None, kind: type[Exception]) -> dict[str, Any] | None:
    """Return the server's own answer, which s3fs keeps as the cause of its exception."""
    while error is not None:
        if isinstance(error, kind):
            answer: dict[str, Any] = vars(error).get("response", {})
            return answer
        error = error.__cause__
    return None


def _from_answer(answer: dict[str, Any], bucket: str, error: Exception) -> Exception:
    said = answer.get("Error", {})
    code, text = str(said.get("Code", "")), str(said.get("Message", "")).rstrip(".")
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _ABSENT:
        return FileNotFoundError(str(error))
    shown = f"{code}: {text}" if text and text != code else code
    if code in _BUSY_CODES or status in _BUSY_STATUSES:
        return _busy(bucket, shown)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != _FULL:
        return _busy(bucket, shown)
    return _refused(bucket, shown)


def _without_answer(error: Exception, bucket: str) -> Exception:
    from botocore import exceptions  # type: ignore[import-untyped]  # noqa: PLC0415 - heavy

    if isinstance(error, FileNotFoundError):
        return FileNotFoundError(str(error))
    if isinstance(error, (exceptions.ConnectionError, exceptions.HTTPClientError)):
        return _busy(bucket, str(error))
    if isinstance(error, (exceptions.BotoCoreError, ValueError)):
        return _refused(bucket, str(error))
    return _busy(bucket, str(error))


def _busy(bucket: str, said: str) -> Transient:
    return Transient(
        f"the media store in bucket {bucket} failed: {said}; "
        "it is tried again, see whether the server is up and within reach"
    )


def _refused(bucket: str, said: str) -> Misconfigured:
    return Misconfigured(
        f"the media store in bucket {bucket} failed: {said}; check that the bucket exists and "
        "the endpoint, the region, the key, the secret and the key's permissions"
    )
