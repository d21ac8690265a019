"""What must not start does not start: one clear error and the right exit code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from fairwitness.testing import Town, policy_text

pytestmark = pytest.mark.gate

POLICY_ERROR, EVIDENCE_ERROR, START_ERROR = 2, 3, 4


def _start(folder: Path, *arguments: str, policy: str | bytes | None = None) -> tuple[int, str]:
    """Exit code and standard error of a ``run`` that is expected to give up at once."""
    text = policy_text(include=["in.test"]) if policy is None else policy
    (folder / "policy.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
    (folder / "home").mkdir(exist_ok=True)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "fairwitness", "run", "--json", "--listen", "127.0.0.1:0"),
            *("--policy", str(folder / "policy.yaml"), "--evidence", str(folder / "evidence")),
            *("--ca-dir", str(folder / "ca"), *arguments),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder / "home")},
    )
    assert "ready" not in done.stdout
    return done.returncode, done.stderr


def _is_one_clear_error(stderr: str) -> bool:
    errors = [line for line in stderr.splitlines() if line.startswith("fairwitness: error: ")]
    return len(errors) == 1 and "Traceback" not in stderr


@pytest.mark.bypass(3, 5, 15, 16, 18, 23, 24, 28)
@pytest.mark.parametrize(
    "setting",
    [
        "ignore_hosts=.*",
        "allow_hosts=in.test",
        "tcp_hosts=.*",
        "udp_hosts=.*",
        "ssl_insecure=true",
        "validate_inbound_headers=false",
        "stream_large_bodies=1",
        "map_remote=/a/b/",
        "map_local=|a|/etc",
        "modify_headers=/~q/Host/x",
        "modify_body=/~q/a/b",
        "scripts=/tmp/evil.py",
        "mode=socks5",
        "mode=upstream:http://127.0.0.1:1",
        "confdir=/tmp",
        "listen_host=0.0.0.0",
        "server=false",
        "rawtcp=true",
        "upstream_cert=false",
        "connection_strategy=lazy",
        "onboarding=true",
        "client_replay=x",
        "save_stream_file=/tmp/x",
        "keep_host_header=true",
        "block_global=false",
        "no_such_option=1",
    ],
)
def test_an_option_off_the_safe_list_is_refused(tmp_path: Path, setting: str) -> None:
    """An option of mitmproxy that could open a way round the gate, or is unknown, does not start."""
    code, stderr = _start(tmp_path, "--set", setting)

    assert START_ERROR == code
    assert _is_one_clear_error(stderr)
    assert setting.split("=")[0] in stderr
    assert not (tmp_path / "evidence").exists()


@pytest.mark.bypass(33, 34, 35)
@pytest.mark.parametrize(
    "mode",
    [
        "socks4",
        "transparent",
        "reverse:http://in.test",
        "upstream:http://127.0.0.1:1",
        "dns",
        "local",
        "wireguard",
        "nonsense",
    ],
)
def test_other_modes_are_refused(tmp_path: Path, mode: str) -> None:
    """Only regular and socks5 are there; all others could reach servers past the gate."""
    code, stderr = _start(tmp_path, "--mode", mode)

    assert START_ERROR == code
    assert _is_one_clear_error(stderr)
    assert not (tmp_path / "evidence").exists()


@pytest.mark.parametrize(
    ("policy", "word"),
    [
        (b"", "policy"),
        (b"\x00\xff\xfe binary", "policy"),
        (b"version: 1\nprogram: [\n", "policy"),
        (policy_text(include=[]).encode(), "include"),
        (policy_text(include=["*.co.uk"]).encode(), "co.uk"),
        (policy_text(include=["in.test"], tunnel=["in.test"]).encode(), "in.test"),
        (policy_text(include=["in.test"], skope="x").encode(), "skope"),
    ],
    ids=["empty", "binary", "broken", "no-include", "public-suffix", "scope-in-tunnel", "unknown-key"],
)
def test_a_policy_that_cannot_be_used_does_not_start(tmp_path: Path, policy: bytes, word: str) -> None:
    """Neither everything nor nothing silently: exit 2 and the place."""
    code, stderr = _start(tmp_path, policy=policy)

    assert POLICY_ERROR == code
    assert _is_one_clear_error(stderr)
    assert word in stderr


@pytest.mark.parametrize("given", ["in.test:443", "in.test:x:127.0.0.1", "in.test:443:nowhere", ":::"])
def test_a_resolve_that_says_nothing_is_refused(tmp_path: Path, given: str) -> None:
    """A broken --resolve is a usage error."""
    code, stderr = _start(tmp_path, "--resolve", given)

    assert POLICY_ERROR == code
    assert _is_one_clear_error(stderr)


@pytest.mark.bypass(51)
@pytest.mark.parametrize(
    "arguments",
    [("0.0.0.0:0", "--allow-remote"), ("[::]:0", "--proxy-password", "secret-word"), ("192.0.2.1:0",)],
)
def test_listening_for_others_needs_to_be_asked_for(tmp_path: Path, arguments: Sequence[str]) -> None:
    """Anything but loopback needs --allow-remote and a password, both."""
    code, stderr = _start(tmp_path, "--listen", *arguments)

    assert POLICY_ERROR == code
    assert _is_one_clear_error(stderr)


def test_a_taken_port_is_said(tmp_path: Path, town: Town) -> None:
    """A port that somebody has is exit 4 with its number."""
    code, stderr = _start(tmp_path, "--listen", town.proxy.address)

    assert START_ERROR == code
    assert _is_one_clear_error(stderr)
    assert town.proxy.address.rpartition(":")[2] in stderr


def test_one_proxy_an_evidence_folder(tmp_path: Path, town: Town) -> None:
    """A second proxy on the same folder is exit 3 and names the holder."""
    code, stderr = _start(tmp_path, "--evidence", str(town.proxy.evidence), policy=town.policy_text())

    assert EVIDENCE_ERROR == code
    assert _is_one_clear_error(stderr)
    assert str(town.proxy.pid) in stderr


def test_an_upstream_ca_that_is_none_is_refused(tmp_path: Path) -> None:
    """A file without a certificate is an error, not a proxy that trusts nobody."""
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("no certificate")

    code, stderr = _start(tmp_path, "--upstream-ca", str(nonsense))

    assert code in (POLICY_ERROR, START_ERROR)
    assert _is_one_clear_error(stderr)


def test_the_folders_are_private(town: Town) -> None:
    """Evidence and CA are for their owner only."""
    private = [town.proxy.evidence, town.proxy.ca.parent]
    modes = {oct(path.stat().st_mode & 0o777) for path in private}
    files = [path for path in town.proxy.evidence.rglob("*") if path.is_file()]

    assert {"0o700"} == modes
    assert {"0o600"} == {oct(path.stat().st_mode & 0o777) for path in files}


def test_ready_is_told_first_with_address_folder_and_ca(town: Town) -> None:
    """The first line says where it listens and where things are."""
    first = town.proxy.told[0]

    assert "ready" == first.kind
    assert {"event", "listen", "evidence", "ca"} == set(first.facts)
    assert str(town.proxy.evidence) == first.text("evidence")


@pytest.mark.bypass(41)
def test_no_connection_of_the_proxys_own(make_town: Callable[..., Town]) -> None:
    """Started and left alone, it touches nobody."""
    with make_town() as town:
        code = town.proxy.stop()
        counts = {tuple(origin.counts) for origin in town.origins}
        asked = town.proxy.looked_up

    assert 0 == code
    assert frozenset() == asked
    assert {(0, 0, 0)} == counts
