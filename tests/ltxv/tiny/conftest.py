"""The tiny checkpoint, loaded once for each file of tests that asks it for clips."""

import pytest

from tests.ltxv.tiny.held_out import Studio


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    return Studio(tmp_path_factory.mktemp("studio"))
