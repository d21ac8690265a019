"""Suggestions."""

from fairwitness.model.verdict import ScopeList
from fairwitness.policy import WantedHost, suggest_hosts

PAGE = "https://console.a.example/app?q=1"


def test_hosts_are_grouped_by_what_they_are_for(make_policy):
    """Known hosts go where their preset belongs, unknown ones to load, none to include."""
    wanted = [
        WantedHost(host, PAGE, 1)
        for host in (
            "www.google-analytics.com",
            "cdn.jsdelivr.net",
            "github.com",
            "newassets.hcaptcha.com",
            "fonts.gstatic.com",
            "js.stripe.com",
            "update.googleapis.com",
            "odd.example",
        )
    ]

    found = suggest_hosts(wanted, make_policy(include=["console.a.example"]))

    assert [
        ("github.com", "sign-in", ScopeList.TUNNEL, "github-signin"),
        ("newassets.hcaptcha.com", "captcha", ScopeList.TUNNEL, "captcha"),
        ("js.stripe.com", "payment", ScopeList.TUNNEL, "stripe"),
        ("cdn.jsdelivr.net", "CDN", ScopeList.LOAD, "cdn"),
        ("fonts.gstatic.com", "fonts", ScopeList.LOAD, "fonts"),
        ("odd.example", "other", ScopeList.LOAD, None),
        ("www.google-analytics.com", "analytics", ScopeList.NOISE, "analytics"),
        ("update.googleapis.com", "browser", ScopeList.NOISE, "browser"),
    ] == [(each.host, each.kind, each.scope_list, each.preset) for each in found]
    assert {"console.a.example"} == {each.page_host for each in found}


def test_counts_of_one_host_are_added(make_policy):
    """However it was spelled, and whichever page of the site wanted it."""
    wanted = [
        WantedHost("CDN.example.", PAGE, 2),
        WantedHost("cdn.example", "https://console.a.example/b", 3),
    ]

    assert [("cdn.example", 5)] == [(each.host, each.count) for each in suggest_hosts(wanted, make_policy())]


def test_listed_hosts_are_not_suggested(make_policy):
    """Neither allowed ones nor those that are refused on purpose."""
    policy = make_policy(
        include=["*.a.example"],
        exclude=["e.example"],
        noise=["n.example"],
        load=["l.example"],
        tunnel=["t.example"],
    )
    hosts = ["x.a.example", "e.example", "n.example", "l.example", "t.example", "new.example"]

    found = suggest_hosts([WantedHost(host, PAGE, 1) for host in hosts], policy)

    assert ["new.example"] == [each.host for each in found]


def test_hostile_page_gets_no_way_into_the_researchers_network(make_policy):
    """Addresses, bare names, public suffixes and what is no host are never offered."""
    hosts = [
        "127.0.0.1",
        "0x7f.1",
        "[::1]",
        "169.254.169.254",
        "localhost",
        "router",
        "com",
        "github.io",
        "a..b",
        "x%2ey",
    ]

    assert () == suggest_hosts([WantedHost(host, PAGE, 9) for host in hosts], make_policy())


def test_hostile_page_cannot_flood_the_list(make_policy):
    """Of a thousand hosts of one page, those asked for most often are kept."""
    wanted = [WantedHost(f"h{number}.example", PAGE, number) for number in range(1, 1001)]

    found = suggest_hosts(wanted, make_policy())

    assert (100, 901) == (len(found), min(each.count for each in found))


def test_programs_own_hosts_are_told_from_strangers(make_policy):
    """A sibling of a host in scope is said to be the program's, and still not to be tested."""
    policy = make_policy(include=["console.a.example", "*.b.example"])
    found = suggest_hosts([WantedHost(host, PAGE, 1) for host in ("cdn.a.example", "c.example")], policy)

    assert [("c.example", False), ("cdn.a.example", True)] == [
        (each.host, "the program itself" in each.why) for each in found
    ]


def test_page_that_is_no_url_stands_for_itself(make_policy):
    """Whatever the log holds is grouped somehow."""
    found = suggest_hosts(
        [WantedHost("c.example", page, 1) for page in ("https://[broken", "plain")], make_policy()
    )

    assert ["https://[broken", "plain"] == [each.page_host for each in found]


def test_port_beside_the_standard_ones_is_part_of_the_suggestion(make_policy):
    """As an entry is written, and no preset speaks of it; ports 80 and 443 are left out."""
    hosts = [
        "cdn.example:8443",
        "github.com:8443",
        "fonts.gstatic.com:443",
        "web.example:80",
        "in.example:9",
        "in.example:443",
    ]

    found = suggest_hosts([WantedHost(host, PAGE, 1) for host in hosts], make_policy(load=["in.example:9"]))

    assert {
        ("cdn.example:8443", None),
        ("github.com:8443", None),
        ("fonts.gstatic.com", "fonts"),
        ("web.example", None),
    } == {(each.host, each.preset) for each in found}


def test_what_is_no_port_is_no_suggestion(make_policy):
    """Nothing is offered that could not be written into the policy."""
    hosts = [
        "a.example:0",
        "a.example:99999",
        "a.example:x",
        "a.example:",
        "a.example:1:2",
        "127.0.0.1:80",
        "[::1]:443",
    ]

    assert () == suggest_hosts([WantedHost(host, PAGE, 1) for host in hosts], make_policy())
