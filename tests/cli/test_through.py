from __future__ import annotations

import asyncio
import base64
import datetime
import hashlib
import os
import resource
import ssl
from pathlib import Path

import click
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fairwitness.cli.browser import chromium_command, find_browser, spki_pin
from fairwitness.cli.door import CannotStartError, Door, spawn
from fairwitness.cli.execute import environment, write_bundle
from fairwitness.cli.firefox import firefox_command
from fairwitness.cli.place import Place
from fairwitness.cli.proxy_options import split_listen
from fairwitness.cli.through import label_of
from fairwitness.errors import PolicyError
from fairwitness.model.policy import Policy


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA certificate as the proxy makes one."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("ca") / "mitmproxy-ca-cert.pem"
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    return path


def _door(ca: Path, policy: Policy, *, host: str = "127.0.0.1", password: str | None = None) -> Door:
    return Door(
        host=host,
        port=8080,
        ca=ca,
        password=password,
        place=Place(ca.parent, None),
        policy=policy,
        asked_to_stop=asyncio.Event(),
    )


def test_a_command_finds_the_proxy_for_every_scheme_and_no_exception() -> None:
    """All three variables are set in both cases, and whatever excepted hosts is removed."""
    inherited = {
        "PATH": "/bin",
        "NO_PROXY": "*",
        "no_proxy": "in-scope.test",
        "No_Proxy": "x",
        "http_proxy": "http://x",
    }

    found = environment(inherited, proxy="http://curl@127.0.0.1:8080", bundle=Path("/b.pem"))

    proxies = {name for name, value in found.items() if value == "http://curl@127.0.0.1:8080"}
    assert {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} == proxies
    assert [] == [name for name in found if name.lower() == "no_proxy"]
    assert "/bin" == found["PATH"]


def test_a_command_finds_the_roots_it_is_to_trust() -> None:
    """The CA variables of common tools all name the bundle."""
    found = environment({}, proxy="http://x", bundle=Path("/b.pem"))

    assert {
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "NODE_EXTRA_CA_CERTS",
        "GIT_SSL_CAINFO",
        "AWS_CA_BUNDLE",
    } == {name for name, value in found.items() if value == "/b.pem"}


def test_the_bundle_holds_the_mozilla_roots_and_the_ca(ca: Path) -> None:
    """A TLS library loads the bundle, finds our CA in it and more than a hundred others."""
    bundle = write_bundle(ca)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(str(bundle))
    roots = context.get_ca_certs(binary_form=True)
    assert len(roots) > 100
    assert ssl.PEM_cert_to_DER_cert(ca.read_text()) in roots
    assert 0o600 == bundle.stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("command", "label"),
    [
        ("curl", "curl"),
        ("/usr/bin/python3.11", "python3.11"),
        ("my tool@host:1", "my-tool-host-1"),
        ("-", "command"),
        ("x" * 99, "x" * 40),
    ],
)
def test_a_label_is_safe_in_a_url(command: str, label: str) -> None:
    """The label is the command's name in characters that a proxy URL carries without escapes."""
    assert label == label_of(command)


def test_the_proxy_url_carries_label_and_password(ca: Path, lab_policy: Policy) -> None:
    """The user name is the label; a password is escaped; an IPv6 address has brackets."""
    assert "http://curl@127.0.0.1:8080" == _door(ca, lab_policy).url("curl")
    assert "http://curl:p%40s%2F@[::1]:8080" == _door(ca, lab_policy, host="::1", password="p@s/").url("curl")
    assert "http://127.0.0.1:8080" == _door(ca, lab_policy).url(None)


def test_the_pin_is_that_of_the_public_key(ca: Path) -> None:
    """The pin is base64 of SHA-256 of the DER SubjectPublicKeyInfo."""
    key = x509.load_pem_x509_certificate(ca.read_bytes()).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()

    assert digest == base64.b64decode(spki_pin(ca))


def test_a_broken_ca_is_a_clear_error(tmp_path: Path) -> None:
    """A CA file that is none names the file."""
    (tmp_path / "ca.pem").write_bytes(b"\x00garbage")

    with pytest.raises(CannotStartError, match="cannot be read") as caught:
        spki_pin(tmp_path / "ca.pem")

    assert 125 == caught.value.exit_code


def test_chromium_has_no_way_round_the_proxy(ca: Path, tmp_path: Path) -> None:
    """Everything incl. loopback goes through the proxy, and trust is the pin of its key alone."""
    words = chromium_command(
        "/usr/bin/chromium", proxy="http://127.0.0.1:8080", pins=[spki_pin(ca)], profile=tmp_path
    )

    assert {
        f"--user-data-dir={tmp_path}",
        "--proxy-server=http://127.0.0.1:8080",
        "--proxy-bypass-list=<-loopback>",
        f"--ignore-certificate-errors-spki-list={spki_pin(ca)}",
        "--disable-quic",
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    } <= set(words)
    assert [] == [word for word in words if word in ("--no-sandbox", "--ignore-certificate-errors")]


def test_firefox_gets_proxy_and_ca_in_its_own_profile(
    ca: Path, lab_policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Preferences send all through the proxy; the CA is given to certutil for that profile only."""
    tool = tmp_path / "certutil"
    tool.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    words = firefox_command("firefox", _door(ca, lab_policy), profile=tmp_path)

    preferences = (tmp_path / "user.js").read_text()
    assert ["firefox", "--no-remote", "--profile", str(tmp_path)] == words
    assert 'user_pref("network.proxy.ssl_port", 8080);' in preferences
    assert 'user_pref("network.proxy.failover_direct", false);' in preferences
    assert f"-d sql:{tmp_path} -i {ca}" in (tmp_path / "calls").read_text()


def test_firefox_without_certutil_says_what_to_install(
    ca: Path, lab_policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without certutil there is no way to trust in one profile only, so it is refused."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(CannotStartError, match="certutil"):
        firefox_command("firefox", _door(ca, lab_policy), profile=tmp_path)


def test_no_browser_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is named and missing is named in the error."""
    monkeypatch.setenv("FAIRWITNESS_CHROMIUM", str(tmp_path / "none"))

    with pytest.raises(PolicyError, match="there is no program"):
        find_browser(firefox=False)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["true"], 0),
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "kill -9 $$"], 137),
        (["sh", "-c", "exit 125"], 125),
    ],
)
def test_the_commands_own_code_is_passed_on(
    ca: Path, lab_policy: Policy, words: list[str], code: int
) -> None:
    """Its exit code is ours; ended by a signal it is 128 and the signal's number."""

    async def run() -> int:
        return await spawn(_door(ca, lab_policy), words, environment=dict(os.environ))

    assert code == asyncio.run(run())


@pytest.mark.parametrize("words", [["/no/such/command"], ["/"], ["nul\0byte"]])
def test_a_command_that_cannot_be_started_is_125(ca: Path, lab_policy: Policy, words: list[str]) -> None:
    """A missing command, a folder, an impossible name: the error's exit code is 125."""

    async def run() -> int:
        return await spawn(_door(ca, lab_policy), words, environment=dict(os.environ))

    with pytest.raises(CannotStartError) as caught:
        asyncio.run(run())

    assert 125 == caught.value.exit_code


def test_a_command_for_which_no_descriptor_is_left_says_so(ca: Path, lab_policy: Policy) -> None:
    """It exists, so nobody is told to name another one."""

    async def run() -> int:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        taken = os.open(os.devnull, os.O_RDONLY)
        resource.setrlimit(resource.RLIMIT_NOFILE, (taken + 1, hard))
        try:
            return await spawn(_door(ca, lab_policy), ["true"], environment=dict(os.environ))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            os.close(taken)

    with pytest.raises(CannotStartError, match="Too many open files") as caught:
        asyncio.run(run())

    assert "limits" in caught.value.mend


def test_stopping_ends_the_command(ca: Path, lab_policy: Policy) -> None:
    """When the proxy is asked to stop, the command is asked too, and its end is awaited."""

    async def run() -> int:
        door = _door(ca, lab_policy)
        door.asked_to_stop.set()
        return await spawn(door, ["sleep", "600"], environment=dict(os.environ))

    assert 143 == asyncio.run(run())


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("localhost:0", ("127.0.0.1", 0)),
        ("[::1]:9", ("::1", 9)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
    ],
)
def test_listen_addresses_are_read(text: str, parts: tuple[str, int]) -> None:
    """An address and a port; IPv6 in brackets."""
    assert parts == split_listen(text)


@pytest.mark.parametrize(
    "text", ["", "8080", "127.0.0.1", "127.0.0.1:70000", "example.com:80", ":80", "127.0.0.1:x"]
)
def test_other_listen_addresses_are_wrong_usage(text: str) -> None:
    """Names, missing parts and impossible ports are refused."""
    with pytest.raises(click.BadParameter):
        split_listen(text)
