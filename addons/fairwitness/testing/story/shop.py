"""A shop of pages and forms: sign-in, products, cart, search, contact, reviews, notes, orders, a gallery."""

from __future__ import annotations

import asyncio
import html
import json
import re
from urllib.parse import parse_qs, urlsplit

from fairwitness.testing.site import Answer, text_answer
from fairwitness.testing.story.people import PEOPLE, Person, person_of, token_of
from fairwitness.testing.tally import SeenRequest

THINKS_S = 0.06  # a round trip and a server's work; a site that answers at once exists on no network
_PER_PAGE = 8
_PRODUCTS = ("Teapot", "Kettle", "Cup", "Saucer", "Tray", "Strainer", "Tin", "Spoon", "Cosy", "Whisk")
_PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="80" height="60"><rect width="80" height="60"/></svg>'
)
_PAGE = """<!doctype html><title>{title}</title><link rel=stylesheet href=/style.css>
<nav><a id=home href=/>home</a> <a id=to-products href=/products>products</a>
<a id=to-cart href=/cart>cart</a>
<a id=to-gallery href=/gallery>gallery</a> <a id=to-dashboard href=/dashboard>dashboard</a>
<a id=to-notes href=/notes>notes</a> <a id=to-orders href=/orders>orders</a>
<a id=to-contact href=/contact>contact</a> <a id=to-login href=/login>sign in</a></nav>
<form action=/search><input id=q name=q autocomplete=off><button id=find>find</button></form>
<ul id=hints></ul><main>{main}</main><script src=/shop.js></script>"""
_SCRIPT = """
const q = document.getElementById('q');
q.addEventListener('input', async () => {
  const hints = await (await fetch('/api/hints?q=' + encodeURIComponent(q.value))).json();
  document.getElementById('hints').innerHTML = hints.map(hint => '<li>' + hint).join('');
});
if (location.pathname === '/dashboard') setInterval(async () => {
  document.getElementById('ticker').textContent = (await (await fetch('/api/ticker')).json()).sold;
}, 2000);
"""


class Shop:
    """What the shop knows and answers.

    A class, because carts, notes and reviews stay between requests.
    """

    def __init__(self, sign_in: str) -> None:
        self._sign_in = sign_in
        self._carts: dict[str, list[int]] = {person.name: [] for person in PEOPLE}
        self._notes: dict[int, tuple[str, str]] = {}
        self._reviews: dict[int, list[str]] = {}
        self._made = 700
        self._sold = 0

    async def __call__(self, seen: SeenRequest) -> Answer:
        """The answer to one request."""
        await asyncio.sleep(THINKS_S)
        parts = urlsplit(seen.target.decode("latin-1"))
        asked = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        sent = {
            key: values[0]
            for key, values in parse_qs(seen.body.decode("latin-1"), keep_blank_values=True).items()
        }
        first, _, rest = parts.path.strip("/").partition("/")
        method = getattr(self, f"_{seen.method.lower()}_{first.replace('-', '_').replace('.', '_')}", None)
        if method is None:
            return _page("Not found", "There is no such page.", status=404)
        answer = method(rest, sent if seen.method == "POST" else asked, person_of(seen))
        assert isinstance(answer, Answer)
        return answer

    def _get_(self, *_: object) -> Answer:
        pictures = "".join(f"<img src=/pictures/{number}.svg alt=''>" for number in range(1, 5))
        return _page("Shop", f"<h1>Tea things</h1>{pictures}")

    def _get_style_css(self, *_: object) -> Answer:
        return text_answer("body { font: 16px sans-serif }", kind="text/css")

    def _get_shop_js(self, *_: object) -> Answer:
        return text_answer(_SCRIPT, kind="text/javascript")

    def _get_favicon_ico(self, *_: object) -> Answer:
        return _page("Not found", "no icon", status=404)

    def _get_pictures(self, rest: str, *_: object) -> Answer:
        if int(re.sub(r"\D", "", rest) or 0) % 5 == 0:
            return _page("Not found", "This picture was removed.", status=404)
        return text_answer(_PICTURE, kind="image/svg+xml")

    def _get_gallery(self, *_: object) -> Answer:
        return _page(
            "Gallery", "".join(f"<img src=/pictures/{number}.svg alt=''>" for number in range(1, 41))
        )

    def _get_login(self, *_: object) -> Answer:
        return _page(
            "Sign in", _form("/login", "username", "password") + "<a id=other href=/elsewhere>other</a>"
        )

    def _post_login(self, _: str, sent: dict[str, str], __: Person | None) -> Answer:
        for person in PEOPLE:
            if (sent.get("username"), sent.get("password")) == (person.mail, person.password):
                cookie = f"session={token_of(person)}; Path=/; HttpOnly; Secure; SameSite=Lax"
                return _to("/account", (b"Set-Cookie", cookie.encode()))
        return _page(
            "Sign in", "<p id=wrong>Wrong name or password.</p>" + _form("/login", "username", "password")
        )

    def _get_logout(self, *_: object) -> Answer:
        return _to("/", (b"Set-Cookie", b"session=; Path=/; Max-Age=0"))

    def _get_elsewhere(self, *_: object) -> Answer:
        return _to(self._sign_in)

    def _get_callback(self, *_: object) -> Answer:
        return _page("Welcome back", "<p id=welcome>You are signed in.</p>")

    def _get_account(self, _: str, __: object, person: Person | None) -> Answer:
        if person is None:
            return _to("/login")
        return _page("Account", f"<p id=who>{person.name}</p><p>{person.mail}</p>")

    def _get_products(self, rest: str, asked: dict[str, str], _: Person | None) -> Answer:
        if rest:
            number = int(rest) if rest.isdigit() else 0
            if not 1 <= number <= 40:
                return _page("Not found", "We do not sell that.", status=404)
            reviews = "".join(f"<li>{html.escape(text)}" for text in self._reviews.get(number, ()))
            hidden = f"<input type=hidden name=product value={number}>"
            add = f"<form method=post action=/cart>{hidden}<button id=add>add</button></form>"
            review = _form(f"/reviews/{number}", "review")
            name = _PRODUCTS[number % len(_PRODUCTS)]
            return _page(
                name, f"<h1>{name}</h1><img src=/pictures/{number}.svg alt=''>{add}{review}<ul>{reviews}</ul>"
            )
        page = int(asked.get("page", "1") if asked.get("page", "1").isdigit() else 1)
        numbers = range((page - 1) * _PER_PAGE + 1, min(page * _PER_PAGE, 40) + 1)
        rows = "".join(
            f"<li><img src=/pictures/{number}.svg alt=''><a class=product href=/products/{number}>"
            f"{_PRODUCTS[number % len(_PRODUCTS)]} {number}</a>"
            for number in numbers
        )
        return _page("Products", f"<ul>{rows}</ul><a id=next href=/products?page={page + 1}>next</a>")

    def _post_reviews(self, rest: str, sent: dict[str, str], _: Person | None) -> Answer:
        self._reviews.setdefault(int(rest), []).append(sent.get("review", ""))
        return _to(f"/products/{rest}")

    def _get_cart(self, _: str, __: object, person: Person | None) -> Answer:
        goods = self._carts[person.name] if person else []
        rows = "".join(
            f"<li>product {number}<form method=post action=/cart/remove><input type=hidden name=product "
            f"value={number}><button class=remove>remove</button></form>"
            for number in goods
        )
        return _page("Cart", f"<ul id=cart>{rows}</ul>")

    def _post_cart(self, rest: str, sent: dict[str, str], person: Person | None) -> Answer:
        if person is None:
            return _to("/login")
        cart, number = self._carts[person.name], int(sent["product"])
        if rest == "remove" and number in cart:
            cart.remove(number)
        elif rest != "remove":
            cart.append(number)
        return _to("/cart")

    def _get_search(self, _: str, asked: dict[str, str], __: object) -> Answer:
        query = asked.get("q", "")
        found = [name for name in _PRODUCTS if query.lower() in name.lower()]
        return _page(
            "Search", f"<p id=found>{len(found)} found for {html.escape(query)}</p><p>{', '.join(found)}</p>"
        )

    def _get_contact(self, *_: object) -> Answer:
        return _page("Contact", _form("/contact", "email", "message"))

    def _post_contact(self, *_: object) -> Answer:
        return _page("Contact", "<p id=thanks>Thank you.</p>")

    def _get_dashboard(self, *_: object) -> Answer:
        return _page("Dashboard", "<p>sold today: <b id=ticker>-</b></p>")

    def _get_orders(self, rest: str, _: object, person: Person | None) -> Answer:
        if person is None:
            return _to("/login")
        if not rest:
            rows = "".join(
                f"<li><a class=order href=/orders/{number}>order {number}</a>" for number in person.orders
            )
            return _page("Orders", f"<ul>{rows}</ul>")
        for owner in PEOPLE:  # whoever asks: the hole that the story looks for
            if rest in map(str, owner.orders):
                return _page("Order", f"<p id=order>{rest}</p><p>for {owner.mail}</p><p>one teapot</p>")
        return _page("Not found", "There is no such order.", status=404)

    def _get_notes(self, _: str, __: object, person: Person | None) -> Answer:
        if person is None:
            return _to("/login")
        rows = "".join(
            f"<li>{html.escape(text)}<form method=post action=/notes/{number}/delete>"
            f"<button class=delete>delete</button></form>"
            for number, (owner, text) in self._notes.items()
            if owner == person.name
        )
        return _page("Notes", f"<p>Only you see these.</p><ul id=notes>{rows}</ul>{_form('/notes', 'note')}")

    def _post_notes(self, rest: str, sent: dict[str, str], person: Person | None) -> Answer:
        if person is None:
            return _to("/login")
        if rest.endswith("/delete"):
            self._notes.pop(int(rest.split("/")[0]), None)
        else:
            self._made += 1
            self._notes[self._made] = (person.name, sent.get("note", ""))
        return _to("/notes")

    def _get_api(self, rest: str, asked: dict[str, str], person: Person | None) -> Answer:
        if rest == "ticker":
            self._sold += 1
            return _json({"sold": self._sold})
        if rest == "hints":
            query = asked.get("q", "").lower()
            return _json([name for name in _PRODUCTS if query and query in name.lower()])
        if rest == "me" and person is not None:
            return _json({"id": person.number, "username": person.name, "email": person.mail})
        return Answer(status=404, headers=((b"Content-Type", b"application/json"),), body=b"{}")


def _form(action: str, *names: str) -> str:
    kinds = {"password": "password", "email": "email"}
    fields = "".join(f"<input id={name} name={name} type={kinds.get(name, 'text')}>" for name in names)
    return f"<form method=post action={action}>{fields}<button id=send>send</button></form>"


def _page(title: str, main: str, *, status: int = 200) -> Answer:
    return text_answer(_PAGE.format(title=title, main=main), status=status, kind="text/html; charset=utf-8")


def _json(value: object) -> Answer:
    return text_answer(json.dumps(value), kind="application/json", headers=((b"Cache-Control", b"no-store"),))


def _to(where: str, *headers: tuple[bytes, bytes]) -> Answer:
    return Answer(status=302, headers=((b"Location", where.encode()), *headers))
