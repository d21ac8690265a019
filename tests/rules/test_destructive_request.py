"""What is held because it would destroy something."""

from __future__ import annotations

import json

import pytest

from fairwitness.model.exchange import Headers
from fairwitness.model.flag import Severity
from fairwitness.rules import Knowledge
from fairwitness.rules.destructive_request import DestructiveRequest
from fairwitness.rules.testing import make_exchange, make_policy, make_request

FORM: Headers = ((b"content-type", b"application/x-www-form-urlencoded"),)
JSON: Headers = ((b"content-type", b"application/json"),)


def severities(method: str, path: str, body: str = "", headers: Headers = ()) -> list[Severity]:
    """What one request gives when nothing is known."""
    rule = DestructiveRequest(make_policy())
    rule.known = Knowledge()
    request = make_request(f"https://shop.test{path}", method=method, body=body.encode(), headers=headers)
    return [sighting.severity for sighting in rule.on_request(request)]


def mutation(text: str, **variables: str) -> str:
    """A GraphQL body."""
    return json.dumps({"query": text, "variables": variables})


def remote(method: str, **params: object) -> str:
    """A JSON-RPC body."""
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})


def kept(name: str) -> str:
    """A GraphQL call whose text the server keeps."""
    sent = {"operationName": name, "variables": {"id": "9"}, "extensions": {"persistedQuery": {"version": 1}}}
    return json.dumps(sent)


@pytest.mark.parametrize(
    ("method", "path", "body", "headers"),
    [
        ("DELETE", "/api/users/9", "", ()),
        ("DELETE", "/api/users", "", ()),
        ("POST", "/api/users/9/delete", "", ()),
        ("POST", "/deleteUser.php", "id=9", FORM),
        ("POST", "/api/purge-all", "", ()),
        ("POST", "/api/database/reset", "", ()),
        ("POST", "/accounts/9/close", "", ()),
        ("POST", "/posts/9", "_method=delete", FORM),
        ("POST", "/posts/9", "", ((b"X-HTTP-Method-Override", b"DELETE"),)),
        ("GET", "/posts/9?_method=DELETE", "", ()),
        ("POST", "/admin/users", "action=delete_selected&_selected_action=9", FORM),
        ("POST", "/users/9/edit", "name=x&delete=Delete", FORM),
        ("GET", "/wp-admin/post.php?post=9&action=trash&_wpnonce=1a2b", "", ()),
        ("POST", "/console", "sql=drop+table+users", FORM),
        ("POST", "/graphql", mutation("mutation { deletePost(id: 9) { ok } }"), JSON),
        ("POST", "/graphql", mutation("mutation R($u: ID!) { userRemove(id: $u) { ok } }", u="9"), JSON),
        ("GET", "/graphql?query=mutation%7BremoveUser(id:9)%7Bok%7D%7D", "", ()),
        ("POST", "/graphql", kept("DeleteUser"), JSON),
        ("POST", "/rpc", remote("user.delete", id=9), JSON),
        ("POST", "/rpc", f"[{remote('user.get', id=9)},{remote('user.delete', id=9)}]", JSON),
        ("POST", "/mcp", remote("tools/call", name="delete_user", arguments={"id": 9}), JSON),
        ("POST", "/soap", "<Envelope/>", ((b"soapaction", b'"http://shop.test/users/DeleteUser"'),)),
        ("POST", "/users/9?action=delete", "", ()),
    ],
)
def test_what_destroys_something_unknown_is_held(method: str, path: str, body: str, headers: Headers) -> None:
    """Methods, words of the path, forms, overrides, mutations."""
    assert severities(method, path, body, headers) == [Severity.STOP]


@pytest.mark.parametrize(
    ("method", "path", "body", "headers"),
    [
        ("GET", "/admin/users/9/delete/", "", ()),
        ("GET", "/delete", "", ()),
        ("GET", "/search?q=delete+account", "", ()),
        ("GET", "/search?q=drop+table+saw", "", ()),
        ("GET", "/?delete=1&remove=2&action=view", "", ()),
        ("DELETE", "/api/session", "", ()),
        ("DELETE", "/api/cart/items/3", "", ()),
        ("DELETE", "/notifications/9", "", ()),
        ("DELETE", "/posts/9/like", "", ()),
        ("POST", "/wishlist/remove", "id=9", FORM),
        ("POST", "/coupons/remove", "", ()),
        ("POST", "/newsletter/unsubscribe", "", ()),
        ("POST", "/password/reset", "email=a@b.test", FORM),
        ("POST", "/orders/9/cancel-preview", "", ()),
        ("POST", "/contact", "message=please+delete+my+account", FORM),
        ("POST", "/profile", "name=x&delete_photo=0", FORM),
        ("POST", "/posts/9/edit", "title=x&delete=", FORM),
        ("POST", "/dropdown/options", "", ()),
        ("POST", "/graphql", mutation("query { deletedPosts(id: 9) { id } }"), JSON),
        ("POST", "/graphql", mutation("mutation { removeFromCart(id: 9) { ok } }"), JSON),
        ("POST", "/graphql", mutation('mutation { addComment(text: "delete this") { id } }'), JSON),
        ("GET", "/graphql?query=%7BremovedUsers%7Bid%7D%7D", "", ()),
        ("POST", "/graphql", kept("DeletedPosts"), JSON),
        ("POST", "/graphql", kept("DeleteUserQuery"), JSON),
        ("POST", "/rpc", remote("user.list", deleted=True), JSON),
        ("POST", "/rpc", remote("cart.remove", id=9), JSON),
        ("POST", "/soap", "<Envelope/>", ((b"soapaction", b'"http://shop.test/delete/GetUser"'),)),
        ("GET", "/shop?action=remove_from_cart&id=9", "", ()),
        ("POST", "/shop?action=remove_from_cart", "id=9", FORM),
    ],
)
def test_what_only_looks_so_is_not(method: str, path: str, body: str, headers: Headers) -> None:
    """Questions, baskets, notices, words in texts."""
    assert severities(method, path, body, headers) == []


def test_link_that_may_only_ask_is_a_hint() -> None:
    """Without a token a link with action=delete often leads to "are you sure?"."""
    assert severities("GET", "/posts?id=9&action=delete") == [Severity.INFO]


def _followed(
    path: str, *, status: int = 302, location: str = "/posts", body: bytes = b""
) -> Severity | None:
    """The severity of the fifth of such links that somebody follows."""
    rule = DestructiveRequest(make_policy())
    rule.known = Knowledge()
    found: list[Severity] = []
    for number in range(5):
        request = make_request(f"https://shop.test{path.format(number)}")
        assert [] == list(rule.on_request(request))
        answer = make_exchange(
            request, status=status, headers=((b"location", location.encode()), *JSON), body=body
        )
        found = [sighting.severity for sighting in rule.on_response(answer)]
    return found[0] if found else None


@pytest.mark.parametrize("path", ["/posts/{}/delete", "/admin/remove-user.php?id={}", "/files/delete/{}"])
def test_links_that_delete_without_asking_are_seen_by_their_answers(path: str) -> None:
    """A crawler follows them: back to the list, an empty answer, JSON that says yes."""
    assert _followed(path) is Severity.STOP
    assert _followed(path, status=204) is Severity.STOP
    assert _followed(path, status=200, body=b'{"ok": true}') is Severity.STOP


def test_links_that_ask_or_are_refused_have_deleted_nothing() -> None:
    """A page, a sign-in, a question on another page, an error; a basket and the wastebasket."""
    assert _followed("/posts/{}/delete", location="/login") is None
    assert _followed("/posts/{}/delete", location="/posts/{}/delete/confirm") is None
    assert _followed("/posts/{}/delete", status=404, body=b'{"error": "x"}') is None
    assert _followed("/posts/{}/delete", status=200, body=b'{"error": "sign in first"}') is None
    assert _followed("/cart/remove/{}") is None
    assert _followed("/mail/trash/{}", status=200, body=b'{"id": 1}') is None


def test_file_that_is_there_is_not_overwritten_unasked() -> None:
    """A listing showed it; a new name, and one's own, are free."""
    rule = DestructiveRequest(make_policy())
    rule.known = Knowledge()
    found = make_request("https://shop.test/dav/b.txt", method="PROPFIND")
    list(rule.on_response(make_exchange(found, status=207)))

    def judged(method: str, name: str, *headers: tuple[bytes, bytes]) -> int:
        request = make_request(f"https://shop.test/dav/{name}", method=method, headers=headers)
        return len(list(rule.on_request(request)))

    assert judged("PUT", "new.txt") == 0
    assert judged("PUT", "b.txt") == 1
    assert judged("MOVE", "a.txt", (b"destination", b"https://shop.test/dav/b.txt")) == 1
    assert judged("MOVE", "a.txt", (b"destination", b"/dav/b.txt"), (b"overwrite", b"F")) == 0
