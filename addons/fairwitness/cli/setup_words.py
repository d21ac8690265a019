"""How to put fairwitness behind another tool, step by step.

Facts about other tools, from their manuals as far as they were known when this was written; menus move.
Firefox through `fairwitness browser --firefox`, curl and the shell commands were tried, Burp, ZAP, Caido and
the trust stores of systems were not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """Where the proxy listens, and its CA."""

    listen: str
    ca_file: str
    ca: str
    """Its CA's file as a shell must read it."""

    @property
    def host(self) -> str:
        """Its host."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> str:
        """Its port."""
        return self.listen.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Guide:
    """The steps for one tool."""

    title: str
    steps: tuple[str, ...]
    notes: tuple[str, ...]
    is_tried: bool = False
    """Whether these very steps were followed with the tool."""


_ANY_WORD = "x (that of --proxy-password, where you set one)"
_ORDER = (
    "Order: browser -> {tool} -> fairwitness -> target. {tool} decrypts first, and fairwitness sees"
    " what it sends."
)
_BEHIND = (
    "The TLS fingerprint (JA4), the User-Agent and HTTP versions in the log are those of {tool}:"
    " what it resends counts as a"
    " tool's, not as your browser's.",
    "If the label does not appear, {tool} waits to be asked for its name: start fairwitness with"
    " --proxy-password"
    " WORD, which makes it ask.",
    "{tool}'s own background traffic (updates, telemetry, out-of-band servers) comes through here"
    " too and is blocked"
    " unless the policy lists its hosts: 'fairwitness log --label {label} --decision block' shows it.",
)


def burp(proxy: Proxy) -> Guide:
    """Burp Suite: an upstream proxy rule."""
    return Guide(
        "Burp Suite",
        (
            "Open Settings (top right) and go to Network > Connections > Upstream proxy servers.",
            f"Add a rule: destination host *, proxy host {proxy.host}, proxy port {proxy.port},"
            f" authentication type"
            f" Basic, username burp, password {_ANY_WORD}. The user name is the label in the log.",
            "Put no other rule above it, and leave 'SOCKS proxy' off: either would go round fairwitness.",
            "Burp does not check the certificates of upstream servers by default, so it needs no"
            " CA. Its browser must"
            " trust Burp's own CA, as before. If your Burp does check, import the CA file into the"
            " Java it runs on: "
            f"keytool -importcert -cacerts -alias fairwitness -file {proxy.ca}",
            "Open a page in scope in Burp's browser, then: fairwitness log --label burp",
        ),
        (
            _ORDER.format(tool="Burp"),
            *(each.format(tool="Burp", label="burp") for each in _BEHIND),
            "Burp's own HTTP/2 and raw attacks (request smuggling, single-packet races) do not"
            " survive a second proxy.",
            "Collaborator needs its host on the policy's lists if your Burp polls it through this"
            " rule; list your own"
            " server under scope.mine.",
        ),
    )


def zap(proxy: Proxy) -> Guide:
    """ZAP: an HTTP proxy for outgoing connections."""
    return Guide(
        "ZAP",
        (
            "Open Tools > Options > Network > Connection, tab HTTP Proxy.",
            f"Switch the HTTP proxy on: host {proxy.host}, port {proxy.port}; switch proxy"
            f" authentication on: user name"
            f" zap, password {_ANY_WORD}. The user name is the label in the log.",
            "Leave the list of excluded hosts empty and SOCKS off: either would go round fairwitness.",
            "ZAP does not check the certificates of servers by default, so it needs no CA. Your"
            " browser must trust"
            " ZAP's own CA, as before.",
            "Open a page in scope through ZAP, then: fairwitness log --label zap",
        ),
        (
            _ORDER.format(tool="ZAP"),
            *(each.format(tool="ZAP", label="zap") for each in _BEHIND),
            "ZAP's spiders and active scan are automated scanners: read what the program says of"
            " those first.",
        ),
    )


def caido(proxy: Proxy) -> Guide:
    """Caido: an upstream proxy."""
    return Guide(
        "Caido",
        (
            "Open the settings of Caido (the gear, or your user's menu) and go to Network >"
            " Upstream Proxies.",
            f"Add an HTTP proxy: host {proxy.host}, port {proxy.port}, credentials: user name"
            f" caido, password"
            f" {_ANY_WORD}. The user name is the label in the log.",
            "Let it apply to all hosts (an empty allow list, or *), and keep it the only one that is on.",
            "If Caido reports an invalid certificate, let the system that runs Caido trust the CA"
            " (fairwitness setup"
            f" system-ca): {proxy.ca}. Your browser must trust Caido's own CA, as before.",
            "Open a page in scope through Caido, then: fairwitness log --label caido",
        ),
        (
            _ORDER.format(tool="Caido"),
            *(each.format(tool="Caido", label="caido") for each in _BEHIND),
            "Caido's own account and its updates are reached without this proxy or through it, as"
            " it decides.",
        ),
    )


def firefox(proxy: Proxy) -> Guide:
    """Firefox by hand."""
    return Guide(
        "Firefox",
        (
            "Easier: fairwitness browser --firefox opens one with a profile of its own and all of this done.",
            "By hand, in a profile of its own: open about:profiles, create one, launch it.",
            f"Settings > General > Network Settings > Settings: Manual proxy configuration, HTTP"
            f" Proxy {proxy.host},"
            f" Port {proxy.port}, and tick 'Also use this proxy for HTTPS'. Empty 'No proxy for'.",
            "Settings > Privacy & Security > DNS over HTTPS: Off.",
            "Settings > Privacy & Security > Certificates > View Certificates > Authorities >"
            " Import: choose"
            f" {proxy.ca}, and tick 'Trust this CA to identify websites'.",
            "In about:config set network.proxy.allow_hijacking_localhost to true (else localhost"
            " goes round the proxy),"
            " media.peerconnection.ice.proxy_only to true, and network.http.http3.enable to false.",
        ),
        (
            "To undo: remove the profile in about:profiles.",
            "Firefox asks its maker for updates, settings and captive portals by itself;"
            " preset:browser in the policy's"
            " noise keeps that quiet.",
        ),
    )


def system_ca(proxy: Proxy) -> Guide:
    """The trust store of the system."""
    ca = proxy.ca
    return Guide(
        "the trust store of this system",
        (
            "Debian, Ubuntu: sudo cp"
            f" {ca} /usr/local/share/ca-certificates/fairwitness.crt && sudo update-ca-certificates",
            "  undo: sudo rm /usr/local/share/ca-certificates/fairwitness.crt && sudo"
            " update-ca-certificates --fresh",
            f"Fedora, RHEL: sudo cp {ca} /etc/pki/ca-trust/source/anchors/fairwitness.pem && sudo"
            f" update-ca-trust",
            "  undo: sudo rm /etc/pki/ca-trust/source/anchors/fairwitness.pem && sudo update-ca-trust",
            f"Arch: sudo trust anchor --store {ca}",
            f"  undo: sudo trust anchor --remove {ca}",
            "macOS: security add-trusted-cert -r trustRoot -k"
            f' "$HOME/Library/Keychains/login.keychain-db" {ca}',
            f"  undo: security remove-trusted-cert {ca}, then delete 'mitmproxy' in Keychain Access",
        ),
        (
            "WARNING: whoever gets hold of the CA's key, which lies beside the file above, can then"
            " read and change all"
            " TLS traffic of this machine. Prefer fairwitness exec and fairwitness browser, which"
            " need none of this.",
            "Undo it when you are done. Browsers with stores of their own (Firefox, Chromium on"
            " Linux) do not look here.",
        ),
    )


GUIDES: dict[str, Callable[[Proxy], Guide]] = {
    "burp": burp,
    "zap": zap,
    "caido": caido,
    "firefox": firefox,
    "system-ca": system_ca,
}
