"""The decision."""

import time

import pytest

from fairwitness.model.exchange import Destination
from fairwitness.model.verdict import Action, ScopeList, Verdict
from fairwitness.policy.scope import Scope, stricter

PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "tcp": 5432}


def to(url: str, *, named_by: str = "url") -> Destination:
    """``https://host:port/path``; without a path it is a dial."""
    scheme, _, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    head, colon, tail = place.rpartition(":")
    host, port = (head, tail) if colon and tail.isdigit() else (place, "")
    return Destination(
        named_by, scheme, host, int(port) if port else PORTS[scheme], slash + path if slash else None
    )


def listed(policy, url: str) -> str:
    """The list that lets a URL through, else ``block``."""
    verdict = Scope(policy).decide([to(url)])
    return verdict.scope_list.value if verdict.is_released else "block"


@pytest.mark.parametrize(
    ("entry", "inside", "outside"),
    [
        (
            "a.example",
            ["https://a.example/", "http://A.EXAMPLE./x", "wss://a.example/", "ws://a.example/"],
            [
                "https://a.example:8443/",
                "http://a.example:443x/",
                "https://b.a.example/",
                "https://xa.example/",
            ],
        ),
        ("a.example:8443", ["https://a.example:8443/", "http://a.example:8443/"], ["https://a.example/"]),
        ("a.example:*", ["https://a.example/", "http://a.example:1/"], ["https://b.example/"]),
        (
            "*.a.example",
            ["https://x.a.example/", "https://y.x.a.example/"],
            ["https://a.example/", "https://xa.example/"],
        ),
        (
            "img*.a.example",
            ["https://img7.a.example/", "https://img.a.example/"],
            ["https://img.x.a.example/"],
        ),
        ("x.*.a.example", ["https://x.y.a.example/"], ["https://x.a.example/", "https://x.y.z.a.example/"]),
        (
            "https://a.example/app/",
            [
                "https://a.example/app",
                "https://a.example/app/x",
                "wss://a.example/app/ws",
                "https://a.example/%61pp/",
            ],
            [
                "https://a.example/",
                "https://a.example/apple",
                "http://a.example/app/",
                "https://a.example/app/../x",
            ],
        ),
        ("wss://a.example", ["wss://a.example/"], ["https://a.example/", "ws://a.example/"]),
        (
            "192.0.2.7",
            ["http://192.0.2.7/", "http://0xc0.0.2.7/", "https://3221225991/"],
            ["http://192.0.2.8/"],
        ),
        ("192.0.2.0/28", ["https://192.0.2.15/"], ["https://192.0.2.16/", "https://192.0.2.15:8443/"]),
        ("[2001:db8::1]:*", ["https://[2001:DB8:0::1]:9/"], ["https://[2001:db8::2]:9/"]),
        ("faß.example", ["https://xn--fa-hia.example/", "https://FAß.example/"], ["https://fass.example/"]),
    ],
)
def test_entry_covers_what_it_says_and_no_more(make_policy, entry, inside, outside):
    """Each kind of entry lets through its own traffic only."""
    policy = make_policy(include=[entry])

    assert ["include"] * len(inside) == [listed(policy, url) for url in inside]
    assert ["block"] * len(outside) == [listed(policy, url) for url in outside]


def test_unlisted_host_is_blocked_with_what_to_write(make_policy):
    """The verdict names no clause, since none matched, and says how to add the host."""
    verdict = Scope(make_policy()).decide([to("https://Other.example:8443/x")])

    assert (Action.BLOCK, (), None, "other.example") == (
        verdict.action,
        verdict.clauses,
        verdict.scope_list,
        verdict.host,
    )
    assert "other.example:8443 is not listed" in verdict.reason
    assert "fairwitness scope add other.example:8443" in (verdict.mend or "")


def test_verdict_names_its_clause_also_when_it_allows(make_policy):
    """Line and sentence of the entry come with the verdict."""
    policy = make_policy(include=[{"host": "a.example", "says": "Test a."}])

    verdict = Scope(policy).decide([to("https://a.example/")])

    assert ("scope.include[0]", "Test a.") == (verdict.clauses[0].id, verdict.clauses[0].says)
    assert verdict.clauses[0].where.startswith("policy.yaml:")
    assert "a.example is on scope.include" in verdict.reason


@pytest.mark.parametrize(
    ("lists", "url", "expected"),
    [
        # the most specific wins, whatever its list
        ({"include": ["app.a.example"], "exclude": ["*.a.example"]}, "https://app.a.example/", "include"),
        ({"include": ["*.a.example"], "exclude": ["app.a.example"]}, "https://app.a.example/", "block"),
        ({"include": ["*.b.a.example"], "exclude": ["*.a.example"]}, "https://x.b.a.example/", "include"),
        ({"include": ["img*.a.example"], "exclude": ["*.a.example"]}, "https://img1.a.example/", "include"),
        ({"include": ["img*.a.example"], "exclude": ["img1.a.example"]}, "https://img1.a.example/", "block"),
        (
            {"include": ["img1*.a.example"], "exclude": ["img*.a.example"]},
            "https://img12.a.example/",
            "include",
        ),
        (
            {"include": ["a.example"], "exclude": ["https://a.example/admin"]},
            "https://a.example/admin/x",
            "block",
        ),
        (
            {"include": ["https://a.example/x/y"], "exclude": ["https://a.example/x"]},
            "https://a.example/x/y",
            "include",
        ),
        (
            {"include": ["https://a.example/x"], "exclude": ["https://a.example/x/y"]},
            "https://a.example/x/y/z",
            "block",
        ),
        ({"include": ["https://a.example/x"], "exclude": ["a.example"]}, "https://a.example/x", "include"),
        (
            {"include": ["a.example"], "exclude": ["https://*.example.com/x", "https://a.example/x"]},
            "https://a.example/x",
            "block",
        ),
        (
            {"include": ["x.a.example"], "exclude": ["https://*.a.example/x"]},
            "https://x.a.example/x",
            "block",
        ),
        (
            {"include": ["https://*.a.example/x"], "exclude": ["x.a.example"]},
            "https://x.a.example/x",
            "include",
        ),
        ({"include": ["192.0.2.0/24"], "exclude": ["192.0.2.7"]}, "http://192.0.2.7/", "block"),
        ({"include": ["192.0.2.7"], "exclude": ["192.0.2.0/24"]}, "http://192.0.2.7/", "include"),
        # a named port or scheme breaks ties
        ({"include": ["a.example:443"], "exclude": ["a.example"]}, "https://a.example/", "include"),
        ({"include": ["a.example"], "exclude": ["a.example:443"]}, "https://a.example/", "block"),
        ({"include": ["https://a.example"], "exclude": ["a.example"]}, "https://a.example/", "include"),
        (
            {"include": ["https://a.example:443"], "exclude": ["a.example:443"]},
            "https://a.example/",
            "include",
        ),
        ({"include": ["a.example:*"], "exclude": ["a.example"]}, "https://a.example/", "block"),
        # then exclude > noise > tunnel > load > mine > include
        ({"include": ["a.example"], "exclude": ["a.example"]}, "https://a.example/", "block"),
        ({"load": ["b.example"], "noise": ["b.example"]}, "https://b.example/", "block"),
        ({"tunnel": ["b.example"], "load": ["b.example"]}, "https://b.example/", "tunnel"),
        ({"load": ["b.example"], "mine": ["b.example"]}, "https://b.example/", "load"),
        ({"mine": ["a.example"], "include": ["a.example"]}, "https://a.example/", "mine"),
    ],
)
def test_most_specific_entry_of_all_lists_decides(make_policy, lists, url, expected):
    """Specificity first, then a named port or scheme, then the order of the lists."""
    assert expected == listed(make_policy(**lists), url)


@pytest.mark.parametrize(
    "path",
    [
        "/x%2fadmin",
        "/x\\admin",
        "/%5cadmin",
        "//admin",
        "/x/..;/admin",
        "/%252e%252e/admin",
        "/admin;x/y",
        "/%61dmin%00",
        "/admin%3fx",
        "/admin?x",
        "/admin#x",
        "/x/é",
        "/x/\udce9",
    ],
)
def test_ambiguous_path_on_a_path_scoped_host_is_blocked(make_policy, path):
    """What one server reads as /admin and another does not is not let past a rule on /admin."""
    policy = make_policy(include=["a.example"], exclude=["https://a.example/admin"])

    verdict = Scope(policy).decide([to(f"https://a.example{path}")])

    assert Action.BLOCK == verdict.action


def test_odd_paths_pass_on_hosts_without_path_entries(make_policy):
    """An encoded slash is ambiguous only where a path decides."""
    policy = make_policy(include=["a.example", "https://b.example/app"])

    assert ["include", "block", "include", "block"] == [
        listed(policy, "https://a.example/x%2fy//z;q"),
        listed(policy, "https://b.example/app/x%2fy"),
        listed(policy, "https://b.example/app/x//y"),
        listed(policy, "https://b.example/app/..;/x"),
    ]


def test_entries_with_escaped_reserved_characters_work(make_policy):
    """A path written %2C covers itself; the comma, which lenient servers take for the same, is ambiguous."""
    policy = make_policy(include=["a.example"], exclude=["https://a.example/x%2Cy"])

    assert ["block", "block", "include"] == [
        listed(policy, "https://a.example/x%2cy/z"),
        listed(policy, "https://a.example/x,y/z"),
        listed(policy, "https://a.example/x"),
    ]


def test_dial_to_a_host_with_only_path_entries_is_allowed(make_policy):
    """The path is known only after TLS, so the connection is made and the request decided later."""
    policy = make_policy(
        include=["https://a.example/app", "b.example"], exclude=["a.example", "https://b.example/x"]
    )

    assert ["include", "block", "include", "include", "block"] == [
        listed(policy, "https://a.example"),
        listed(policy, "https://a.example/"),
        listed(policy, "https://a.example/app"),
        listed(policy, "https://b.example"),
        listed(policy, "https://a.example:8443"),
    ]


def test_dial_takes_the_strictest_list_that_some_path_is_on(make_policy):
    """Of include and load, load counts while the path is unknown."""
    policy = make_policy(include=["https://a.example/app"], load=["https://a.example/cdn"])

    assert "load" == listed(policy, "https://a.example")


def test_dial_does_not_know_the_scheme_yet(make_policy):
    """A CONNECT to a port that one scheme may use passes; the request with the other scheme does not."""
    policy = make_policy(include=["http://a.example:8080"])

    assert ["include", "block", "include"] == [
        listed(policy, "https://a.example:8080"),
        listed(policy, "https://a.example:8080/"),
        listed(policy, "http://a.example:8080/"),
    ]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("a.example:5432", "include"),
        ("192.0.2.7:5432", "block"),
        ("a.example", "block"),
        ("a.example:*", "block"),
        ("*.example.com:5432", "block"),
        ("https://a.example:5432", "block"),
        ("a.example:5433", "block"),
    ],
)
def test_raw_tcp_needs_an_entry_that_names_host_and_port(make_policy, entry, expected):
    """Any port, a star, a scheme or another port do not open raw TCP."""
    assert expected == listed(make_policy(include=[entry]), "tcp://a.example")


def test_raw_tcp_to_addresses_needs_a_single_one(make_policy):
    """A range names no host."""
    policy = make_policy(include=["192.0.2.7:22", "198.51.100.0/28:22", "[2001:db8::1]:22"])

    assert ["include", "block", "include"] == [
        listed(policy, "tcp://192.0.2.7:22"),
        listed(policy, "tcp://198.51.100.1:22"),
        listed(policy, "tcp://[2001:db8::1]:22"),
    ]


def test_raw_tcp_never_goes_through_a_tunnel_or_past_an_exclusion(make_policy):
    """A tunnel carries TLS only, and exclude wins."""
    policy = make_policy(tunnel=["t.example:5432"], include=["a.example"], exclude=["e.example:5432"])

    assert ["block", "block"] == [listed(policy, "tcp://t.example"), listed(policy, "tcp://e.example")]


def test_plain_http_never_goes_through_a_tunnel(make_policy):
    """A tunnel host is reached by TLS or not at all."""
    policy = make_policy(tunnel=["t.example"])

    assert ["tunnel", "tunnel", "block", "block"] == [
        listed(policy, "https://t.example"),
        listed(policy, "https://t.example/login"),
        listed(policy, "http://t.example/login"),
        listed(policy, "ws://t.example/"),
    ]


def test_every_destination_must_be_allowed(make_policy):
    """One name out of scope blocks all, wherever it stands; the verdict's host is the dialled one."""
    policy = make_policy(include=["a.example", "b.example"], exclude=["c.example"])
    scope = Scope(policy)
    good = [to("https://a.example", named_by="connect"), to("https://b.example/", named_by="host")]

    allowed = scope.decide(good)
    stranger = scope.decide([*good, to("https://d.example", named_by="sni")])
    excluded = scope.decide([to("https://c.example", named_by="sni"), *good])

    assert (Action.ALLOW, "a.example") == (allowed.action, allowed.host)
    assert (Action.BLOCK, "a.example", True) == (
        stranger.action,
        stranger.host,
        "d.example" in stranger.reason,
    )
    assert (Action.BLOCK, ScopeList.EXCLUDE) == (excluded.action, excluded.scope_list)


def test_destinations_on_different_lists_take_the_strictest_treatment(make_policy):
    """Load over mine over include."""
    scope = Scope(make_policy(include=["a.example"], mine=["m.example"], load=["l.example"]))
    urls = ["https://a.example/", "https://m.example/", "https://l.example/"]

    assert [ScopeList.LOAD, ScopeList.MINE] == [
        scope.decide([to(url) for url in urls]).scope_list,
        scope.decide([to(url) for url in urls[:2]]).scope_list,
    ]


def test_tunnel_is_one_only_if_all_names_are(make_policy):
    """A CONNECT to a tunnel with another server name inside is blocked, and the other way round."""
    scope = Scope(make_policy(include=["a.example"], tunnel=["t.example", "u.example"]))
    tunnel, scoped = to("https://t.example", named_by="connect"), to("https://a.example", named_by="sni")

    assert [Action.BLOCK, Action.BLOCK, Action.ALLOW] == [
        scope.decide([tunnel, scoped]).action,
        scope.decide([scoped, tunnel]).action,
        scope.decide([tunnel, to("https://u.example", named_by="sni")]).action,
    ]


def test_host_without_canonical_form_is_blocked(make_policy):
    """What nobody can resolve to one meaning goes nowhere."""
    verdict = Scope(make_policy()).decide([Destination("host", "https", "in%2eexample", 443, "/")])

    assert (Action.BLOCK, "", ()) == (verdict.action, verdict.host, verdict.clauses)
    assert "percent sign" in verdict.reason


@pytest.mark.parametrize("named_by", ["dial", "connect"])
@pytest.mark.parametrize(
    ("entry", "dialled"),
    [
        ("faß.example", "faß.example"),
        ("xn--nxasmm1c.example", "βόλος.example"),
        ("א1.example", "א1.example"),
    ],
)
def test_dialled_name_that_dns_reads_differently_is_blocked(make_policy, named_by, entry, dialled):
    """mitmproxy shows names decoded, and Python resolves them by an older rule than browsers do."""
    policy = make_policy(include=[entry])

    assert Action.BLOCK == Scope(policy).decide([Destination(named_by, "https", dialled, 443, "/")]).action


def test_dialled_name_that_all_read_alike_is_allowed(make_policy):
    """Full width, capitals and most letters beyond ASCII."""
    scope = Scope(make_policy(include=["bücher.example", "a.example"]))

    assert [Action.ALLOW, Action.ALLOW] == [
        scope.decide([Destination("dial", "https", host, 443, "/")]).action
        for host in ("BÜCHER.example.", "Ａ.example")
    ]


def test_unknown_scheme_is_blocked(make_policy):
    """Only the five schemes that the gate knows are decided on."""
    verdict = Scope(make_policy()).decide([Destination("url", "gopher", "in.example", 443, "/")])

    assert Action.BLOCK == verdict.action


def test_no_destination_is_a_mistake_of_the_caller(make_policy):
    """A request that leads nowhere is never allowed by default."""
    with pytest.raises(ValueError, match="without any destination"):
        Scope(make_policy()).decide([])


def test_stricter_verdict_of_two_policies():
    """Block before allow, load before include; a tunnel in one and not in the other is blocked."""

    def verdict(action: Action, scope_list: ScopeList | None) -> Verdict:
        return Verdict(action=action, clauses=(), reason="", scope_list=scope_list)

    include, load = verdict(Action.ALLOW, ScopeList.INCLUDE), verdict(Action.ALLOW, ScopeList.LOAD)
    tunnel, block = verdict(Action.ALLOW, ScopeList.TUNNEL), verdict(Action.BLOCK, None)

    assert [block, block, load, include, tunnel] == [
        stricter(include, block),
        stricter(block, include),
        stricter(include, load),
        stricter(include, include),
        stricter(tunnel, tunnel),
    ]
    assert Action.BLOCK == stricter(tunnel, include).action


KINDS = {
    "exact": "h{}.example",
    "wildcards": "*.h{}.example",
    "stars in a label": "img{}x*.a.example",
    "paths": "https://a.example/p{}/q",
    "ports": "a.example:{}",
    "ranges": "10.{a}.{b}.0/30",
}


@pytest.mark.parametrize("kind", KINDS)
def test_decision_costs_the_same_with_ten_thousand_entries_as_with_four(make_policy, kind):
    """Ten thousand entries of any kind may cost a small multiple of four, never a walk over all."""
    few, many = (
        Scope(make_policy(include=[_numbered(KINDS[kind], number) for number in range(1, count + 1)]))
        for count in (4, 10_000)
    )
    urls = [
        "https://h3.example/",
        "https://x.h3.example/",
        "https://img3x1.a.example/p3/q",
        "https://10.0.3.1/",
    ]
    destinations = [to(url) for url in [*urls, "https://a.example/p3/q/r", "https://a.example"]]

    assert _cost(many, destinations) < 8 * _cost(few, destinations)


def _numbered(form: str, number: int) -> str:
    return form.format(number, a=number >> 8, b=number & 255)


def _cost(scope: Scope, destinations: list[Destination]) -> float:
    """The least of several measurements, so that other loads on the machine do not count."""
    spent = []
    for _ in range(15):
        start = time.perf_counter()
        for destination in destinations:
            scope.decide([destination])
        spent.append(time.perf_counter() - start)
    return min(spent)
