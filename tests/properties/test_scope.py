"""The decision, against an oracle that is slow and simple."""

import ipaddress
import json
import re
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairwitness.errors import PolicyError
from fairwitness.model.exchange import Destination
from fairwitness.model.policy import Policy
from fairwitness.policy import PolicyInForce, Scope, canonical_host, read_policy
from fairwitness.policy.meet import meet, only_narrows

LISTS = ["exclude", "noise", "tunnel", "load", "mine", "include"]  # in the order in which ties are broken
ALLOWING = {"tunnel", "load", "mine", "include"}

# Few words, so that generated entries and hosts often meet.
WORD = st.sampled_from(["a", "b", "img", "img1", "admin", "x"])
BASE = st.sampled_from(["one.example", "two.example", "a.one.example"])
HOST = st.builds(lambda words, base: ".".join([*words, base]), st.lists(WORD, max_size=3), BASE)
STARRED = st.builds(
    lambda head, base: head + base,
    st.sampled_from(["*.", "img*.", "*g.", "a.*.", "*.img*.", "*.a.", "b*."]),
    BASE,
)
ADDRESS = st.sampled_from(["192.0.2.1", "192.0.2.9", "198.51.100.1", "2001:db8::1"])
RANGE = st.sampled_from(["192.0.2.0/28", "192.0.2.0/29", "2001:db8::/32", "192.0.2.1", "2001:db8::1"])
PORT = st.sampled_from(["", "", ":443", ":8443", ":*"])
PATH = st.sampled_from(["", "/app", "/app/v1", "/admin"])
PLACE = st.one_of(HOST, HOST, STARRED, RANGE)


def _entry(place: str, port: str, scheme: str, path: str) -> str:
    if ":" in place:
        place = f"[{place}]"
    if "/" in place:
        return place.strip("[]") if not port or ":" in place else place + port
    return f"{scheme}{place}{port}{path if scheme else ''}"


ENTRY = st.builds(_entry, PLACE, PORT, st.sampled_from(["", "", "", "https://", "http://"]), PATH)
SCOPE = st.fixed_dictionaries(
    {"include": st.lists(ENTRY, min_size=1, max_size=5)},
    optional={name: st.lists(ENTRY, max_size=3) for name in ("exclude", "noise", "load", "mine")},
)
DESTINATION = st.builds(
    Destination,
    st.just("url"),
    st.sampled_from(["https", "http"]),
    st.one_of(HOST, ADDRESS),
    st.sampled_from([443, 80, 8443]),
    st.sampled_from(["/", "/app", "/app/", "/app/v1/x", "/apple", "/admin", "/app/../admin", "/%61pp"]),
)


def make(scope: dict[str, list[str]]) -> Policy:
    """A policy with these lists."""
    program = {"name": "A", "policy_url": "https://a.example/"}
    return read_policy(json.dumps({"version": 1, "program": program, "scope": scope}).encode(), path="p")


@dataclass(frozen=True)
class Read:
    """An entry as the oracle reads it: by regular expressions, one at a time."""

    name: str
    place: str
    port: str
    scheme: str
    path: str

    def covers(self, destination: Destination) -> bool:
        if self.scheme and self.scheme != destination.scheme:
            return False
        standard = {"https": {443}, "http": {80}, "": {80, 443}}[self.scheme]
        ports = {destination.port} if self.port == "*" else {int(self.port)} if self.port else standard
        return (
            destination.port in ports
            and self._covers_host(destination.host)
            and self._covers_path(destination)
        )

    def _covers_host(self, host: str) -> bool:
        if re.fullmatch(r"[0-9a-f:.]+(/[0-9]+)?", self.place) and "example" not in self.place:
            try:
                return ipaddress.ip_address(host) in ipaddress.ip_network(self.place)
            except ValueError:
                return False
        pattern = re.escape(self.place).replace(r"\*", "[^.]*")
        if self.place.startswith("*."):
            pattern = r"[^.]+(\.[^.]+)*" + pattern.removeprefix("[^.]*")
        if ".*." in self.place:
            pattern = pattern.replace(r"\.[^.]*\.", r"\.[^.]+\.")
        return re.fullmatch(pattern, host) is not None

    def _covers_path(self, destination: Destination) -> bool:
        path = destination.path or ""
        return not self.path or path == self.path or path.startswith(self.path + "/")

    def rank(self) -> tuple[int, int, int, int, int]:
        if "example" not in self.place:
            kind, length = 0, ipaddress.ip_network(self.place).prefixlen
        elif "*" not in self.place:
            kind, length = 3, 0
        else:
            kind = 1 if self.place.startswith("*.") else 2
            length = len(self.place.replace("*", ""))
        named = (self.port not in ("", "*")) + bool(self.scheme)
        return len(self.path), kind, length, named, -LISTS.index(self.name)


def read(name: str, text: str) -> Read:
    """The oracle's own reading of an entry."""
    found = re.fullmatch(
        r"(?:(https?)://)?(?:\[([^\]]+)\]|([0-9a-f:]+::[0-9a-f]*(?:/[0-9]+)?|[0-9.]+/[0-9]+|[^/:]+))(?::([0-9]+|\*))?(/.*)?",
        text,
    )
    assert found, text
    return Read(name, found[2] or found[3], found[4] or "", found[1] or "", found[5] or "")


# Of a path that servers read differently each reading is asked.
READINGS = {"/app/../admin": ["/admin", "/app/../admin"], "/%61pp": ["/app"]}


def oracle(scope: dict[str, list[str]], destination: Destination) -> list[str]:
    """The list that decides, or ``unlisted``, for each reading of the path: a walk over all entries."""
    entries = [read(name, text) for name, texts in scope.items() for text in texts]
    path = destination.path or ""
    readings = [replace(destination, path=each) for each in READINGS.get(path, [path])]
    covering = [[entry for entry in entries if entry.covers(each)] for each in readings]
    return [max(each, key=Read.rank).name if each else "unlisted" for each in covering]


@settings(max_examples=200)
@given(SCOPE, st.lists(DESTINATION, min_size=1, max_size=6))
def test_index_decides_as_a_walk_over_all_entries_does(scope, destinations):
    """The deciding list is the oracle's, for every kind of entry against every other.

    A path with two readings that are not of one list is blocked.
    """
    decider = Scope(make(scope))

    for destination in destinations:
        verdict = decider.decide([destination])
        found = oracle(scope, destination)
        assert (len(set(found)) == 1 and found[0] in ALLOWING) == verdict.is_released, destination
        assert (verdict.scope_list or "unlisted") in found, destination


STRANGER = st.one_of(
    HOST.map(lambda host: host + ".evil.example"),
    HOST.map(lambda host: "x" + host),
    HOST.map(lambda host: host.replace(".example", "-example.example")),
    HOST.map(lambda host: host.replace(".example", "%2eexample")),
    HOST.map(lambda host: f"evil.example#{host}"),
    HOST.map(lambda host: f"{host}\x00.evil.example"),
    HOST.map(lambda host: f"{host}@evil.example"),
    st.ip_addresses().map(str),
    st.text(max_size=40),
    st.from_regex(r"[a-z0-9.-]{1,40}", fullmatch=True),
)


@settings(max_examples=200)
@given(
    SCOPE, STRANGER, st.sampled_from(["https", "http", "wss", "ws", "tcp"]), st.sampled_from([443, 80, 22])
)
def test_no_stranger_is_ever_allowed(scope, host, scheme, port):
    """A host that no entry covers is blocked, whatever it looks like, at the dial and at the request."""
    decider = Scope(make(scope))
    entries = [read(name, text) for name, texts in scope.items() for text in texts]
    try:
        canonical = canonical_host(host)
    except PolicyError:
        canonical = ""
    listed = any(
        canonical
        and Read(entry.name, entry.place, "*", "", "").covers(Destination("x", "https", canonical, port, "/"))
        for entry in entries
    )

    for path in (None, "/"):
        verdict = decider.decide([Destination("url", scheme, host, port, path)])
        assert listed or not verdict.is_released


@given(st.lists(WORD, min_size=1, max_size=3), BASE, HOST)
def test_wildcard_never_reaches_a_sibling_or_the_apex(words, base, other):
    """A wildcard covers exactly the names that end with a dot and its base."""
    tree = ".".join([*words, base])
    inside = other.endswith("." + tree)

    verdict = Scope(make({"include": ["*." + tree]})).decide([Destination("url", "https", other, 443, "/")])

    assert inside == verdict.is_released


PATHS = st.text("/.%25fFcCeE;\\aAdmin", max_size=24).map(lambda tail: "/" + tail)


@settings(max_examples=200)
@given(PATHS)
def test_excluded_path_is_not_reached_by_any_spelling(path):
    """Whatever a strict or a lenient server would take for /admin never passes."""
    policy = make({"include": ["a.example"], "exclude": ["https://a.example/admin"]})
    verdict = Scope(policy).decide([Destination("url", "https", "a.example", 443, path)])

    assert not (verdict.is_released and any(_is_admin(reading) for reading in _readings(path)))


def _readings(path: str) -> set[str]:
    """All that servers make of a path: each leniency alone and all together, in several orders."""
    readings = {path}
    steps = (
        lambda text: re.sub("%([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), text),
        lambda text: text.replace("\\", "/"),
        lambda text: re.sub("/+", "/", text),
        lambda text: re.sub(";[^/]*", "", text),
        _resolved,
    )
    for _ in range(3):
        readings |= {step(text) for step in steps for text in readings}
    return readings


def _resolved(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    return "/" + "/".join(kept)


def _is_admin(path: str) -> bool:
    return path == "/admin" or path.startswith("/admin/")


@given(SCOPE, SCOPE, st.lists(DESTINATION, min_size=1, max_size=4))
def test_nothing_passes_a_waiting_change_that_one_of_the_two_blocks(one, other, destinations):
    """While a change waits, both policies are asked; the met policy is no laxer than either."""
    first, second = make(one), make(other)
    force = PolicyInForce(first)
    force.offer(second.text, path="p")
    met = Scope(meet(first, second))

    for destination in destinations:
        before, after = (Scope(policy).decide([destination]).is_released for policy in (first, second))
        assert not force.decide([destination]).is_released or after
        assert not met.decide([destination]).is_released or (before and after)


@settings(max_examples=200)
@given(SCOPE, SCOPE, st.lists(DESTINATION, min_size=1, max_size=4))
def test_change_that_needs_no_confirmation_widens_nothing(one, other, destinations):
    """What the narrower policy lets through, the one before let through in the same way."""
    smaller = {name: texts[::2] for name, texts in one.items()} | {"include": one["include"][:1]}
    for after in (other, smaller):
        first, second = make(one), make(after)
        if not only_narrows(first, second):
            continue
        for destination in destinations:
            verdict = Scope(second).decide([destination])
            before = Scope(first).decide([destination])
            assert not verdict.is_released or (before.is_released and before.scope_list == verdict.scope_list)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_policy_or_an_error(text):
    """No other exception, ever."""
    _read_or_refuse(text)


YAMLISH = st.text(st.sampled_from(list("abc:-?[]{},&*!|>'\"%@`#~ \n\t\\01")), max_size=60)


@settings(max_examples=150)
@given(
    st.sampled_from(
        ["program", "scope", "limits", "rules", "identify", "window", "approvals", "report", "include"]
    ),
    YAMLISH,
)
def test_any_value_of_any_key_is_a_policy_or_an_error(key, value):
    """Broken YAML in the place of each key."""
    keys = {
        "version": "1",
        "program": "{name: A, policy_url: 'https://a.example/'}",
        "scope": "{include: [a.example]}",
    }
    if key == "include":
        keys["scope"] = f"\n  include: {value}"
    else:
        keys[key] = value
    _read_or_refuse("\n".join(f"{name}: {written}" for name, written in keys.items()).encode())


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.text(max_size=10),
        st.sampled_from(["5/s", "warn", "1 MiB"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150)
@given(
    st.dictionaries(
        st.sampled_from(
            ["posture", "limits", "rules", "identify", "window", "approvals", "declare", "report"]
        ),
        st.one_of(
            JSON,
            st.dictionaries(
                st.sampled_from(
                    [
                        "headers",
                        "testing",
                        "browsing",
                        "request_body",
                        "on_exceed",
                        "from",
                        "until",
                        "spam",
                        "fields",
                    ]
                ),
                JSON,
                max_size=4,
            ),
        ),
        max_size=4,
    )
)
def test_any_shape_of_any_block_is_a_policy_or_an_error(keys):
    """Valid YAML of the wrong shape."""
    program = {"name": "A", "policy_url": "https://a.example/"}
    document = {"version": 1, "program": program, "scope": {"include": ["a.example"]}, **keys}
    _read_or_refuse(json.dumps(document).encode())


def _read_or_refuse(text: bytes) -> None:
    found = _policy_or_error(text)

    if isinstance(found, PolicyError):
        assert found.where.startswith("policy.yaml:")
        assert found.mend
        assert str(found).isprintable()
    else:
        assert text == found.text


def _policy_or_error(text: bytes) -> Policy | PolicyError:
    try:
        return read_policy(text, path="policy.yaml")
    except PolicyError as error:
        return error


@pytest.mark.parametrize("scheme", ["https", "http", "wss", "ws", "tcp"])
@given(host=HOST, path=st.one_of(st.none(), st.text(max_size=30)))
def test_excluding_a_host_always_blocks_it(scheme, host, path):
    """No path, no dial and no scheme gets round an exclusion of a whole host."""
    policy = make({"include": ["*.example.com", "a.example"], "exclude": [f"{host}:*"]})

    assert not Scope(policy).decide([Destination("url", scheme, host, 443, path)]).is_released
