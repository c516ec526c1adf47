"""The first minute of a new installation: bucket, store, pools, deployments, automations.

``python -m deployments.set_up`` reads ``LTX_STORE_ROOT``, ``LTX_STORE_ENDPOINT``,
``LTX_STORE_REGION``, ``LTX_STORE_KEY`` and ``LTX_STORE_SECRET``. What is there already stays as it
is, so that it may run at every start.
"""

from __future__ import annotations

import os
import sys

from blocks.media_store import MediaStore
from blocks.saved import DEFAULT
from deployments.cli.main import app

_REGION = "us-east-1"


def set_up_store() -> None:
    """Save the store block `default` unless there is one, and make its bucket."""
    try:
        MediaStore.load(DEFAULT)
    except ValueError:
        store = _described()
        _make_bucket(store)
        store.save(DEFAULT)


def _described() -> MediaStore:
    given = {
        "root": os.environ["LTX_STORE_ROOT"],
        "endpoint_url": os.environ.get("LTX_STORE_ENDPOINT"),
        "region": os.environ.get("LTX_STORE_REGION", _REGION),
        "key": os.environ.get("LTX_STORE_KEY"),
        "secret": os.environ.get("LTX_STORE_SECRET"),
    }
    return MediaStore.model_validate({name: value for name, value in given.items() if value})


def _make_bucket(store: MediaStore) -> None:
    if not store.root.startswith("s3://") or store.endpoint_url is None:
        return  # a folder is made at its first use, a bucket of AWS by its owner
    import s3fs  # noqa: PLC0415 - heavy

    key, secret = (
        None if given is None else given.get_secret_value() for given in (store.key, store.secret)
    )
    files = s3fs.S3FileSystem(endpoint_url=store.endpoint_url, key=key, secret=secret)
    bucket = store.root.removeprefix("s3://").partition("/")[0]
    if not files.exists(bucket):
        files.mkdir(bucket)


if __name__ == "__main__":
    set_up_store()
    sys.exit(app(["deploy"], standalone_mode=True))
