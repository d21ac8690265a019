"""Properties of the rules' frame and of initiators, over requests of any bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairwitness.model.exchange import Headers, Initiator, Metered, Request
from fairwitness.model.policy import Meter, MeterSet, Rate
from fairwitness.model.verdict import Action
from fairwitness.rules import Initiators, Runner
from fairwitness.rules.endpoint import skeleton
from fairwitness.rules.testing import NOON_US, make_exchange, make_policy, make_request

SECOND = 1_000_000
NAMES = [
    b"Accept",
    b"Accept-Encoding",
    b"accept-language",
    b"Access-Control-Request-Method",
    b"Origin",
    b"Ping-From",
    b"Referer",
    b"Sec-Fetch-Dest",
    b"Sec-Fetch-Mode",
    b"Sec-Fetch-Site",
    b"Sec-Fetch-User",
    b"Upgrade",
    b"Upgrade-Insecure-Requests",
    b"User-Agent",
]
VALUES = [
    b"",
    b"1",
    b"?1",
    b"none",
    b"same-origin",
    b"cross-site",
    b"navigate",
    b"no-cors",
    b"cors",
    b"document",
    b"image",
    b"empty",
    b"text/html",
    b"image/png",
    b"gzip, br",
    b"en",
    b"websocket",
    b"Mozilla/5.0",
    b"https://shop.test/",
    b"http://shop.test/",
    b"\xff\x00",
]
PATHS = ["/", "/linked", "/other", "/a/../linked", "/linked?x", "/favicon.ico", "/\xff"]

NAVIGATION: Headers = (
    (b"upgrade-insecure-requests", b"1"),
    (b"user-agent", b"Mozilla/5.0"),
    (b"accept-language", b"en"),
    (b"accept", b"text/html,*/*"),
    (b"sec-fetch-site", b"none"),
    (b"sec-fetch-mode", b"navigate"),
    (b"sec-fetch-user", b"?1"),
    (b"sec-fetch-dest", b"document"),
    (b"accept-encoding", b"gzip"),
)
SUB_REQUEST: Headers = (
    *NAVIGATION[1:3],
    (b"accept", b"image/png"),
    (b"sec-fetch-site", b"same-origin"),
    (b"sec-fetch-mode", b"no-cors"),
    (b"sec-fetch-dest", b"image"),
    (b"referer", b"https://shop.test/"),
    NAVIGATION[8],
)

junk = st.lists(
    st.tuples(st.sampled_from(NAMES), st.one_of(st.sampled_from(VALUES), st.binary(max_size=20))), max_size=12
)
headers: st.SearchStrategy[Headers] = st.one_of(
    st.just(NAVIGATION), st.just(SUB_REQUEST), st.just(SUB_REQUEST), junk.map(tuple)
)
requests = st.builds(
    make_request,
    st.builds(
        lambda scheme, path: f"{scheme}://shop.test{path}",
        st.sampled_from(["http", "https", "https", "wss"]),
        st.sampled_from(PATHS),
    ),
    at_us=st.integers(NOON_US, NOON_US + 7_200 * SECOND),
    method=st.sampled_from(["GET", "POST", "OPTIONS"]),
    headers=headers,
    ja4=st.sampled_from([None, None, "t13d1517h2_8daaf6152771_cb7bf5808d99"]),
)
bodies = st.one_of(
    st.sampled_from([b"", b'<img src="/linked">', b'<a href="//shop.test/other">']), st.binary(max_size=60)
)


def _judged(sent: list[tuple[Request, bytes, bool]]) -> list[Request]:
    initiators = Initiators()
    judged = []
    for request, body, in_scope in sorted(sent, key=lambda one: one[0].received_us):
        judged.append(initiators.judge(request, in_scope=in_scope))
        initiators.learn(make_exchange(judged[-1], body=body), in_scope=in_scope)
    return judged


VISIT = (
    make_request("https://shop.test/", at_us=NOON_US - SECOND, headers=NAVIGATION),
    b'<img src="/linked"><img src="/a/../linked"><a href="/linked?x">',
    True,
)
SUB_REQUESTS = st.builds(
    make_request,
    st.sampled_from([f"https://shop.test{path}" for path in PATHS]),
    at_us=st.integers(NOON_US, NOON_US + 5_400 * SECOND),
    method=st.sampled_from(["GET", "GET", "POST"]),
    headers=st.just(SUB_REQUEST),
)
traffic = st.one_of(
    st.lists(st.tuples(requests, bodies, st.booleans()), max_size=12),
    st.lists(st.tuples(st.one_of(SUB_REQUESTS, requests), bodies, st.booleans()), max_size=12).map(
        lambda sent: [VISIT, *sent]
    ),
)


@given(traffic)
def test_only_a_get_of_a_page_that_something_in_scope_linked_is_free(
    sent: list[tuple[Request, bytes, bool]],
) -> None:
    """Whatever is sent in whatever order: nothing unlinked and nothing that changes state goes for free."""
    given_so_far = b"".join(body for _, body, in_scope in sent if in_scope)

    for request in _judged(sent):
        if request.metered is Metered.FREE:
            name = request.target.rsplit(b"/", 1)[-1]
            assert ("GET", Initiator.PAGE, True) == (request.method, request.initiator, name in given_so_far)


@given(traffic)
def test_only_pages_leave_the_testing_meter(sent: list[tuple[Request, bytes, bool]]) -> None:
    """Persons and tools count on the testing meter, pages on another; each says why."""
    for request in _judged(sent):
        assert (request.initiator is not Initiator.PAGE) == (request.metered is Metered.TESTING)
        assert "not judged" != request.initiator_why


@given(traffic)
def test_nobody_is_a_page_before_a_page_was_loaded(sent: list[tuple[Request, bytes, bool]]) -> None:
    """The first request of a session is never page-made, and without a navigation none is."""
    judged = _judged(sent)
    first_page = next((i for i, r in enumerate(judged) if r.initiator is Initiator.PAGE), None)

    assert first_page is None or any(r.initiator is Initiator.PERSON for r in judged[:first_page])


@given(st.lists(st.tuples(requests, st.booleans()), max_size=20))
def test_no_request_makes_a_rule_fail(sent: list[tuple[Request, bool]]) -> None:
    """Any bytes, any order of times: no rule fails, and no request waits longer than a minute."""
    meter = Meter(rate=Rate(1, SECOND), concurrent=2, requests=Rate(9, 86_400 * SECOND))
    limits = MeterSet(per_host=meter, per_endpoint=meter, total=meter)
    runner = Runner(make_policy(testing=limits, browsing=limits), next_flag=1, now_us=NOON_US)
    for request, ends in sent:
        judgement = runner.judge_request(request, in_scope=True)
        assert () == judgement.failures
        assert Action.BLOCK <= judgement.action or judgement.delay_us <= 7_260 * SECOND
        if ends:
            runner.ended(request, time_us=request.received_us)


@given(st.binary(max_size=300))
def test_any_target_has_a_skeleton_of_its_own_that_is_stable(target: bytes) -> None:
    """Never an error; the same target gives the same endpoint."""
    assert skeleton(target) == skeleton(bytes(bytearray(target)))


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_walking_numbers_is_one_endpoint(first: int, second: int) -> None:
    """However many digits an id has."""
    assert skeleton(f"/users/{first}/edit".encode()) == skeleton(f"/users/{second}/edit".encode())
