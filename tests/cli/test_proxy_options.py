"""Tests of fairwitness.cli.proxy_options."""

from __future__ import annotations

import click
import pytest

from fairwitness.cli.proxy_options import ProxyOptions, proxy_options


@click.command()
@proxy_options
def start(options: ProxyOptions) -> str | None:
    """Gives the password."""
    return options.proxy_password


def test_a_password_that_others_can_read_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the command line it stands in the list of processes, in the environment it does not."""
    assert "word" == start.main(["--proxy-password", "word"], standalone_mode=False)
    assert "other users read --proxy-password" in capsys.readouterr().err
    monkeypatch.setenv("FAIRWITNESS_PROXY_PASSWORD", "word")
    assert "word" == start.main([], standalone_mode=False)
    assert "" == capsys.readouterr().err
