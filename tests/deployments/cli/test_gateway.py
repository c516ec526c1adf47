"""`ltx gateway` refuses to start, with one line, where it could not serve."""

from __future__ import annotations

import pytest

from tests.deployments.cli.conftest import Ltx


def test_it_needs_a_prefect_server(ltx: Ltx) -> None:
    """Without the workers' server nobody would make what is asked for."""
    done = ltx("gateway")
    assert done.returncode == 1
    assert "PREFECT_API_URL" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--deployment", "generate-video/nowhere"), "no deployment 'generate-video/nowhere'"),
        (("--tls-cert", "cert.pem"), "give both or neither"),
    ],
)
def test_what_is_missing_is_named(
    prefect_server: None, ltx: Ltx, options: tuple[str, ...], said: str
) -> None:
    """The deployment and the certificate have to be there."""
    done = ltx("gateway", *options, server=True)
    assert done.returncode in (1, 2)
    assert said in " ".join(done.stderr.split())
