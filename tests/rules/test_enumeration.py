"""Who walks ids, and who browses."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable

import pytest

from fairwitness.model.account import Account
from fairwitness.model.exchange import Headers, Initiator, Request
from fairwitness.model.flag import Severity
from fairwitness.model.verdict import Action
from fairwitness.rules import Knowledge
from fairwitness.rules.enumeration import BLOCK, FREE, HOLD, WINDOW_US, Enumeration
from fairwitness.rules.testing import NOON_US, make_exchange, make_policy, make_request

JSON: Headers = ((b"content-type", b"application/json"),)
HOST = "https://shop.test"


class Walk:
    """One rule, and one knowledge that grows with the answers."""

    def __init__(self) -> None:
        self.rule = Enumeration(make_policy())
        self.rule.known = Knowledge([Account("first", ("41",))])

    def get(self, path: str, *, at: float = 0, status: int = 200, answer: object = None) -> Severity | None:
        """What a GET gives; it is answered with JSON."""
        return self.send(make_request(HOST + path, at_us=NOON_US + round(at * 1_000_000)), status, answer)

    def send(self, request: Request, status: int = 200, answer: object = None) -> Severity | None:
        """What a request gives."""
        found = [sighting.severity for sighting in self.rule.on_request(request)]
        body = json.dumps(answer).encode()
        exchange = make_exchange(request, status=status, headers=JSON, body=body)
        self.rule.known.learn(exchange, in_scope=True)
        list(self.rule.on_response(exchange))
        return found[0] if found else None

    def all(self, paths: Iterable[str], *, status: int = 200) -> list[Severity | None]:
        """One GET a second."""
        return [self.get(path, at=i, status=status) for i, path in enumerate(paths)]


def test_walk_warns_holds_and_blocks_at_its_thresholds() -> None:
    """Five are free, ten are held, twenty-five blocked."""
    rule = Walk().rule
    actions: list[Action | None] = []
    severities: list[Severity | None] = []
    for number in range(BLOCK):
        found = list(rule.on_request(make_request(f"{HOST}/users/{number + 100}", at_us=NOON_US + number)))
        severities.append(found[0].severity if found else None)
        actions.append(found[0].calls_for if found else None)

    assert severities[:FREE] == [None] * FREE
    assert severities[FREE : HOLD - 1] == [Severity.CHECK] * (HOLD - 1 - FREE)
    assert actions[HOLD - 1] is Action.HOLD
    assert (severities[-1], actions[-1]) == (Severity.STOP, None)


def test_one_object_may_be_asked_for_again_and_again() -> None:
    """A repeater changes the body, not the object."""
    walk = Walk()

    assert walk.all(["/users/7"] * 60) == [None] * 60


def test_ids_in_a_query_are_walked_as_well() -> None:
    """/order.php?order_id=N"""
    assert Severity.STOP in Walk().all(f"/order.php?order_id={n}" for n in range(1000, 1015))


def test_ids_in_graphql_are_walked_as_well() -> None:
    """Variables and arguments."""
    walk = Walk()
    found = []
    for number in range(12):
        body = {
            "query": "query Q($id: ID!) { user(id: $id) { name } }",
            "variables": {"id": str(number + 500)},
        }
        request = make_request(f"{HOST}/graphql", method="POST", headers=JSON, body=json.dumps(body).encode())
        found.append(walk.send(request))

    assert Severity.STOP in found


def _asked(way: str, number: int) -> Request:
    """The same user, named in one of the ways that servers know."""
    if way == "relay":
        name = b64encode(f"User:{number}".encode()).decode()
        query = {"query": "query($id: ID!) { node(id: $id) { id } }", "variables": {"id": name}}
        return make_request(f"{HOST}/graphql", method="POST", headers=JSON, body=json.dumps(query).encode())
    if way == "json-rpc":
        call = {"jsonrpc": "2.0", "id": 1, "method": "user.get", "params": {"id": number}}
        return make_request(f"{HOST}/rpc", method="POST", headers=JSON, body=json.dumps(call).encode())
    return make_request(HOST + way.format(number))


@pytest.mark.parametrize(
    "way",
    [
        "relay",
        "json-rpc",
        "/odata/Users({})",
        "/users;id={}",
        "/invoices/{}.pdf",
        "/invoices/INV-2026-{}.pdf",
    ],
)
def test_ids_are_walked_however_they_are_written(way: str) -> None:
    """Relay's global ids, JSON-RPC, OData, matrix parameters, files that are named for what they are of."""
    walk = Walk()
    given = [walk.send(_asked(way, 1000 + number)) for number in range(HOLD)]
    assert given == [None] * FREE + [Severity.CHECK] * (HOLD - 1 - FREE) + [Severity.STOP]


@pytest.mark.parametrize(
    "path", ["/wiki/Foo_({})", "/app;jsessionid=A{}", "/docs/chapter-{}.pdf", "/rss/{}.txt"]
)
def test_what_is_written_alike_names_nobody(path: str) -> None:
    """Titles in brackets, sessions in paths, chapters."""
    assert set(Walk().all(path.format(1000 + number) for number in range(HOLD))) == {None}


def test_listed_objects_are_free() -> None:
    """A script reads the details of what a list gave."""
    walk = Walk()
    walk.get("/api/products?page=1", answer={"data": [{"id": n, "name": "x"} for n in range(1, 40)]})

    assert set(walk.all(f"/api/products/{n}" for n in range(1, 40))) == {None}


def test_list_of_another_kind_frees_nothing() -> None:
    """Products 1 to 40 are no users."""
    walk = Walk()
    walk.get("/api/products", answer=[{"id": n, "price": n} for n in range(1, 40)])

    assert Severity.STOP in walk.all(f"/api/users/{n}" for n in range(1, 40))


def test_what_is_not_there_weighs_little() -> None:
    """Wrong guesses are another rule's matter."""
    assert set(Walk().all((f"/users/{n}" for n in range(900, 925)), status=404)) == {None}


def test_own_objects_and_what_lies_below_them_are_free() -> None:
    """The registered user 41."""
    walk = Walk()

    assert set(walk.all(f"/users/41/photos/{n}" for n in range(30))) == {None}


def test_what_the_answer_says_is_own_counts_for_nothing() -> None:
    """An app that was offline sends its notes again: no list had shown them in this session."""
    walk = Walk()
    found = [walk.get(f"/orders/{n}", answer={"id": n, "owner_id": 41}) for n in range(700, 730)]

    assert {None} == set(found)


def test_slow_walk_is_forgotten() -> None:
    """Two a ten minutes are no walk."""
    walk = Walk()
    found = [walk.get(f"/users/{n + 100}", at=n * WINDOW_US / 2_000_000) for n in range(20)]

    assert set(found) == {None}


def test_page_does_not_use_up_what_is_free_for_its_visitor() -> None:
    """Its walk counts apart."""
    walk = Walk()
    for number in range(30):
        walk.send(make_request(f"{HOST}/users/{number + 100}", initiator=Initiator.PAGE, page=f"{HOST}/"))

    assert walk.get("/users/7") is None


def test_names_of_persons_are_walked_as_well() -> None:
    """/users/NAME, and the form that says whether an address is known."""
    names = ["ada", "bo", "cleo", "dev", "eli", "fay", "gus", "hana", "ivo", "jia", "kai", "lea"]
    by_form = Walk()
    form: Headers = ((b"content-type", b"application/x-www-form-urlencoded"),)
    asked = [
        by_form.send(
            make_request(f"{HOST}/forgot", method="POST", headers=form, body=f"email={n}@mail.test".encode())
        )
        for n in names
    ]

    assert Severity.STOP in Walk().all(f"/users/{name}" for name in names)
    assert Severity.STOP in asked


def test_name_that_is_being_typed_is_one_name() -> None:
    """An availability check at each key."""
    name = "aquitelongnickname"

    assert set(Walk().all(f"/check?username={name[:n]}" for n in range(1, len(name)))) == {None}


def test_routes_pages_and_polls_are_no_objects() -> None:
    """What stands beside ids in ordinary applications."""
    routes = [
        f"/users/{word}" for word in ("login", "me", "search", "settings", "edit", "new", "export", "list")
    ]
    pages = [f"/blog/page/{n}" for n in range(20)] + [f"/feed?since_id={n}" for n in range(20)]
    tabs = [
        f"/account/{word}" for word in ("orders", "cards", "address", "mail", "plan", "keys", "help", "team")
    ]
    payloads = [f"/product?id=1%20AND%20{n}={n}" for n in range(20)]

    assert set(Walk().all(routes + pages + tabs + payloads)) == {None}


def test_catalogue_belongs_to_nobody() -> None:
    """Whoever walks products without a list reads what everybody may, until persons are in it."""
    public, personal = Walk(), Walk()
    shown = {"id": 1, "seller": {"email": "ada@mail.test", "first_name": "Ada"}}
    found = [personal.get(f"/ads/{n}", at=n, answer=shown) for n in range(15)]

    assert set(public.all(f"/products/{n}" for n in range(30))) == {None}
    assert Severity.STOP in found


def test_listed_advertisements_are_free_although_persons_are_in_them() -> None:
    """A list gave their ids."""
    walk = Walk()
    walk.get("/ads", answer=[{"id": n} for n in range(40)])
    shown = {"id": 1, "seller": {"email": "ada@mail.test"}}

    assert {walk.get(f"/ads/{n}", at=n, answer={**shown, "id": n}) for n in range(40)} == {None}
