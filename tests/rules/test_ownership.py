"""What the log shows to be the researcher's."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from fairwitness.model.account import Account
from fairwitness.model.exchange import Headers, Initiator, Request
from fairwitness.policy import site_of
from fairwitness.rules import Knowledge
from fairwitness.rules.objects import Object
from fairwitness.rules.ownership import KEPT, Standing
from fairwitness.rules.testing import make_exchange, make_request

JSON: Headers = ((b"content-type", b"application/json"),)
HTML: Headers = ((b"content-type", b"text/html"),)
SESSION: Headers = ((b"user-agent", b"tester/1"), (b"authorization", b"Basic cmVzZWFyY2hlcjE6eA=="))
API = "https://api.shop.test"


def knowledge() -> Knowledge:
    """One account with a name, an address and a number."""
    return Knowledge([Account("first", ("researcher1", "researcher1@mail.test", "41"))], site_of=site_of)


def seen(
    known: Knowledge,
    request: Request,
    *,
    status: int = 200,
    answer: object = None,
    headers: Headers = JSON,
) -> None:
    """The request was made, and answered so."""
    request = known.who(request, in_scope=True)
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    known.learn(make_exchange(request, status=status, headers=headers, body=body), in_scope=True)


def whose(
    known: Knowledge, method: str, path: str, body: bytes = b"", headers: Headers = SESSION
) -> Standing:
    """Whose object such a request is about."""
    request = make_request(f"{API}{path}", method=method, body=body, headers=(*headers, *JSON))
    return known.ownership.standing(known.reading(request))


@pytest.mark.parametrize(
    ("answer", "headers", "status"),
    [
        ({"id": 77}, JSON, 201),
        ({"data": {"id": 77, "type": "orders"}}, JSON, 201),
        ({"id": 77, "state": "new"}, JSON, 200),
        (b"", ((b"location", b"/orders/77"),), 201),
        (b"", ((b"location", b"/orders/77"),), 202),
        (b"", ((b"location", b"https://api.shop.test/orders/77?new=1"),), 303),
    ],
)
def test_what_an_answer_says_was_made_is_own(answer: object, headers: Headers, status: int) -> None:
    """Ids in JSON, in JSON:API, in Location."""
    known = knowledge()
    request = make_request(f"{API}/orders", method="POST", body=b"item=3")
    seen(known, request, status=status, answer=answer, headers=headers)

    assert whose(known, "DELETE", "/orders/77") is Standing.OWN
    assert whose(known, "DELETE", "/orders/78") is Standing.UNKNOWN
    assert whose(known, "DELETE", "/users/77") is Standing.UNKNOWN


def test_file_that_was_put_is_own_and_a_changed_object_is_not() -> None:
    """Object stores answer 200; what a listing showed before is somebody's."""
    known = knowledge()
    text: Headers = ((b"content-type", b"text/plain"),)
    for path, kind in (("/bucket/a.txt", text), ("/bucket/old.txt", text), ("/orders/9", JSON)):
        if "old" in path:
            shown = ["/bucket/old.txt"]
            seen(known, make_request(f"{API}/bucket", headers=SESSION), answer=shown)
        put = make_request(f"{API}{path}", method="PUT", body=b"x", headers=(*SESSION, *kind))
        seen(known, put, answer=b"")

    standings = [whose(known, "DELETE", path) for path in ("/bucket/a.txt", "/bucket/old.txt", "/orders/9")]
    assert [Standing.OWN, Standing.UNKNOWN, Standing.UNKNOWN] == standings


def test_graphql_creation_is_own() -> None:
    """The id that createPost gives makes deletePost(id) one of one's own."""
    known = knowledge()
    body = json.dumps({"query": 'mutation { createPost(title: "x") { post { id } } }'}).encode()
    request = make_request(f"{API}/graphql", method="POST", body=body, headers=JSON)
    seen(known, request, answer={"data": {"createPost": {"post": {"id": "77"}}}})
    delete = json.dumps(
        {"query": "mutation D($id: ID!) { deletePost(id: $id) { ok } }", "variables": {"id": "77"}}
    )
    asked = known.reading(make_request(f"{API}/graphql", method="POST", body=delete.encode(), headers=JSON))

    assert known.ownership.standing(asked, kind="post") is Standing.OWN


def test_id_that_was_shown_before_is_not_made_by_a_later_answer() -> None:
    """A server cannot give somebody's old order away by naming it in an answer to a POST."""
    known = knowledge()
    seen(known, make_request(f"{API}/orders"), answer=[{"id": 77}, {"id": 78}])
    seen(known, make_request(f"{API}/orders", method="POST"), answer={"id": 77})

    assert whose(known, "DELETE", "/orders/77") is Standing.UNKNOWN


def test_id_that_the_request_named_is_not_made_by_it() -> None:
    """Liking the post 77 does not make it one's own."""
    known = knowledge()
    seen(known, make_request(f"{API}/posts", method="POST", body=b"id=77&like=1"), answer={"id": 77})

    assert whose(known, "DELETE", "/posts/77") is Standing.UNKNOWN


def test_what_a_page_of_another_site_causes_is_not_own() -> None:
    """A hostile page can send forms; it teaches nothing."""
    known = knowledge()
    headers = (*SESSION, (b"sec-fetch-site", b"cross-site"))
    request = make_request(f"{API}/orders", method="POST", headers=headers)
    seen(known, request, status=201, answer={"id": 77})
    page = make_request(f"{API}/orders", method="POST", initiator=Initiator.PAGE, page="https://evil.test/")
    known.ownership.learn(make_exchange(page, status=201, headers=JSON, body=b'{"id": 78}'))

    assert whose(known, "DELETE", "/orders/77") is Standing.UNKNOWN
    assert whose(known, "DELETE", "/orders/78") is Standing.UNKNOWN


def test_page_of_the_same_site_makes_what_its_user_asks_for() -> None:
    """An SPA creates with fetch."""
    known = knowledge()
    page = make_request(
        f"{API}/orders", method="POST", initiator=Initiator.PAGE, page="https://www.shop.test/"
    )
    known.ownership.learn(make_exchange(page, status=201, headers=JSON, body=b'{"id": 78}'))

    assert whose(known, "DELETE", "/orders/78") is Standing.OWN


def test_registered_identities_are_own_persons_only() -> None:
    """41 is a user, not an order; what lies below the user 41 is own as well."""
    known = knowledge()

    assert whose(known, "PUT", "/v2/users/41") is Standing.OWN
    assert whose(known, "PUT", "/users/researcher1") is Standing.OWN
    assert whose(known, "DELETE", "/users/41/photos/9") is Standing.OWN
    assert whose(known, "PUT", "/orders/41") is Standing.UNKNOWN
    assert whose(known, "PUT", "/users/43") is Standing.UNKNOWN


def test_whoever_is_signed_in_is_own() -> None:
    """/me needs credentials to mean somebody."""
    known = knowledge()

    assert whose(known, "DELETE", "/me/avatar") is Standing.OWN
    assert whose(known, "POST", "/account/delete") is Standing.OWN
    assert whose(known, "POST", "/account/delete", headers=()) is Standing.UNKNOWN


def test_own_lists_show_what_is_own() -> None:
    """The orders below /me are, and those of a public list are not."""
    known = knowledge()
    seen(
        known, make_request(f"{API}/me/orders", headers=SESSION), answer={"data": [{"id": 501}, {"id": 502}]}
    )
    seen(known, make_request(f"{API}/products", headers=SESSION), answer=[{"id": 7}])
    page = b'<a href="/invoices/31">31</a> <a href="/products/8">8</a>'
    seen(known, make_request(f"{API}/invoices", headers=SESSION), answer=page, headers=HTML)

    assert whose(known, "DELETE", "/orders/502") is Standing.OWN
    assert whose(known, "DELETE", "/invoices/31") is Standing.OWN
    assert whose(known, "DELETE", "/products/7") is Standing.UNKNOWN
    assert whose(known, "DELETE", "/products/8") is Standing.UNKNOWN


def test_list_of_the_staff_is_not_own() -> None:
    """An admin sees everybody's orders."""
    known = knowledge()
    seen(known, make_request(f"{API}/admin/orders", headers=SESSION), answer=[{"id": 501}])

    assert whose(known, "DELETE", "/orders/501") is Standing.UNKNOWN


@pytest.mark.parametrize(
    ("owner", "standing"),
    [
        ({"user_id": 7}, Standing.FOREIGN),
        ({"user_id": 41}, Standing.OWN),
        ({"owner": {"id": 7, "username": "ada"}}, Standing.FOREIGN),
        ({"author": "researcher1"}, Standing.OWN),
        ({"customer_email": "ada@mail.test"}, Standing.FOREIGN),
        ({"customer_email": "Researcher1@mail.test"}, Standing.OWN),
        ({"owner_id": "3f2504e0-4f89-11d3-9a0c-0305e82c3301"}, Standing.UNKNOWN),
        ({"title": "x"}, Standing.UNKNOWN),
    ],
)
def test_answer_says_whose_it_is(owner: dict[str, object], standing: Standing) -> None:
    """An owner that cannot be compared with a registered identity says nothing."""
    known = knowledge()
    seen(known, make_request(f"{API}/orders/9"), answer={"id": 9, **owner})

    assert whose(known, "PUT", "/orders/9") is standing


def test_profile_teaches_the_own_number() -> None:
    """The session's profile names a registered name and with it an id."""
    known = knowledge()
    seen(known, make_request(f"{API}/session"), answer={"user": {"id": 4100, "username": "researcher1"}})
    seen(known, make_request(f"{API}/session"), answer={"user": {"id": 4200, "username": "ada"}})

    assert whose(known, "PUT", "/users/4100") is Standing.OWN
    assert whose(known, "PUT", "/users/4200") is Standing.FOREIGN


def test_moved_file_is_own_at_its_new_place() -> None:
    """Whatever lies at its old name later is not."""
    known = knowledge()
    seen(known, make_request(f"{API}/dav/a.txt", method="PUT", body=b"x"), status=201, answer=b"", headers=())
    move = make_request(f"{API}/dav/a.txt", method="MOVE", headers=((b"destination", b"/dav/b.txt"),))
    seen(known, move, status=201, answer=b"", headers=())

    assert whose(known, "DELETE", "/dav/a.txt") is Standing.UNKNOWN
    assert whose(known, "DELETE", "/dav/b.txt") is Standing.OWN


def test_moving_somebody_elses_file_makes_it_nobodys_own() -> None:
    """A move is no creation."""
    known = knowledge()
    move = make_request(f"{API}/dav/c.txt", method="MOVE", headers=((b"destination", b"/dav/d.txt"),))
    seen(known, move, status=201, answer=b"", headers=())

    assert whose(known, "DELETE", "/dav/d.txt") is Standing.UNKNOWN


def test_bulk_deed_is_as_foreign_as_its_most_foreign_object() -> None:
    """One's own id does not cover the others in the list."""
    known = knowledge()
    seen(known, make_request(f"{API}/posts", method="POST"), status=201, answer={"id": 77})

    assert whose(known, "DELETE", "/posts?id=77") is Standing.OWN
    assert whose(known, "DELETE", "/posts?id=77&id=5") is Standing.UNKNOWN


def test_a_million_ids_do_not_make_it_grow() -> None:
    """What was not used for longest is forgotten."""
    known = knowledge()
    for number in range(KEPT + 500):
        request = make_request(f"{API}/orders", method="POST")
        exchange = make_exchange(request, status=201, headers=((b"location", b"/orders/%d" % number),))
        known.ownership.learn(exchange)

    assert len(known.ownership) == KEPT


def test_hosts_of_one_site_share_their_objects() -> None:
    """Made at api, deleted at www; another site's order of that number is another."""
    known = knowledge()
    seen(known, make_request(f"{API}/orders", method="POST"), status=201, answer={"id": 77})
    order = Object("order", "77")

    assert known.ownership.of("www.shop.test", order) is Standing.OWN
    assert known.ownership.of("www.other.test", order) is Standing.UNKNOWN


def test_mention_is_a_link_or_a_listing() -> None:
    """The 5 of a price is no product 5."""
    known = knowledge()
    page = b'<a href="/products/12">A</a> costs 5, see /products/120, <a href="/cart?product_id=9">'
    seen(known, make_request(f"{API}/"), answer=page, headers=HTML)
    seen(known, make_request(f"{API}/users"), answer=[{"id": 3, "age": 4}])
    named = known.ownership.is_named

    assert [True, True, True, True] == [
        named("api.shop.test", Object(kind, name))
        for kind, name in (("product", "12"), ("product", "120"), ("product", "9"), ("user", "3"))
    ]
    assert [False, False, False, False] == [
        named("api.shop.test", Object(kind, name))
        for kind, name in (("product", "5"), ("product", "2"), ("user", "4"), ("order", "3"))
    ]


def test_failed_answer_teaches_nothing() -> None:
    """A 422 that echoes an id made nothing."""
    known = knowledge()
    seen(known, make_request(f"{API}/orders", method="POST"), status=422, answer={"id": 77})
    known.ownership.learn(replace(make_exchange(make_request(f"{API}/orders", method="POST")), response=None))

    assert whose(known, "DELETE", "/orders/77") is Standing.UNKNOWN
