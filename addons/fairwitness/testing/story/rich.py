"""A single-page app: GraphQL, a WebSocket, tokens with refresh, tickets, uploads, an admin's page."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from fairwitness.testing.site import Answer, text_answer
from fairwitness.testing.story.people import PEOPLE, Person, person_of, token_of
from fairwitness.testing.story.shop import THINKS_S
from fairwitness.testing.tally import SeenRequest

Sent = dict[str, object]
_PER_PAGE = 5
_HOME = """<!doctype html><title>Desk</title><link rel=stylesheet href=/style.css><div id=app></div>
<script src=/app.js></script>"""
_SCRIPT = """
window.desk = {socket: null, unread: 0, made: null, refresh: null, token: null};
const json = async (method, path, body) => {
  const asked = () => fetch(path, {method, headers: {'Content-Type': 'application/json',
    ...(desk.token ? {Authorization: 'Bearer ' + desk.token} : {})},
    body: body === undefined ? undefined : JSON.stringify(body)});
  let answer = await asked();
  if (answer.status === 401 && desk.refresh) {
    desk.token = (await (await fetch('/api/auth/refresh', {method: 'POST',
      headers: {'Content-Type': 'application/json'},
      body: JSON.stringify({refresh_token: desk.refresh})})).json()).access_token;
    answer = await asked();
  }
  return answer.status === 204 ? null : answer.json();
};
desk.json = json;
desk.signIn = async (email, password) => {
  const got = await json('POST', '/api/auth/login', {email, password});
  desk.token = got.access_token; desk.refresh = got.refresh_token;
  desk.me = await json('GET', '/api/me');
  const socket = new WebSocket('wss://' + location.host + '/ws');
  socket.onopen = () => socket.send(JSON.stringify({type: 'subscribe', channel: 'tickets'}));
  socket.onmessage = message => desk.socket = message.data;
};
desk.graph = (query, variables) => json('POST', '/graphql', {query, variables});
desk.upload = async (name, text) => {
  const form = new FormData();
  form.append('file', new File([text], name, {type: 'text/plain'}));
  const headers = {Authorization: 'Bearer ' + desk.token};
  return (await fetch('/api/files', {method: 'POST', body: form, headers})).json();
};
setInterval(async () => { if (desk.token) desk.unread = (await json('GET', '/api/unread')).unread }, 5000);
"""


class Desk:
    """What the app knows and answers.

    A class, because tickets, comments and files stay between requests.
    """

    def __init__(self) -> None:
        self._tickets: dict[int, Sent] = {
            number: {"id": number, "title": f"Printer {number} is on fire", "public": True}
            for number in range(301, 331)
        }
        self._files: dict[int, Sent] = {}
        self._made = 5000
        self._uses = 0
        self._routes: tuple[tuple[str, Callable[[Person, tuple[str, ...], Sent], Answer]], ...] = (
            (r"GET /api/me", lambda person, *_: _json(_profile(person))),
            (r"GET /api/unread", lambda *_: _json({"unread": len(self._files)})),
            (r"GET /api/tickets", self._list),
            (r"POST /api/tickets", self._create),
            (r"GET /api/tickets/(\d+)", self._show),
            (r"(?:PUT|PATCH) /api/tickets/(\d+)", self._change),
            (r"DELETE /api/tickets/(\d+)", self._delete),
            (r"POST /api/tickets/(\d+)/comments", self._comment),
            (r"POST /api/files", self._upload),
            (r"GET /api/files/(\d+)", lambda _, found, __: self._file(found[0])),
            (r"DELETE /api/files/(\d+)", self._unlink),
            (r"GET /api/suggest", self._suggest),
            (r"GET /api/admin/settings", lambda *_: _json({"theme": "dark", "seats": 2, "beta": False})),
            (r"PUT /api/admin/settings", lambda _, __, sent: _json(sent)),
            (r"GET /api/admin/members", lambda *_: _json([_profile(person) for person in PEOPLE])),
            (r"GET /api/users/(\d+)", self._user),
            (r"POST /graphql", self._graph),
        )

    async def __call__(self, seen: SeenRequest) -> Answer:
        """The answer to one request."""
        await asyncio.sleep(THINKS_S)
        parts = urlsplit(seen.target.decode("latin-1"))
        if seen.method == "GET" and not parts.path.startswith("/api/"):
            return _static(parts.path)
        sent = _sent(seen, parts.query)
        if parts.path.startswith("/api/auth/"):
            return self._sign_in(parts.path.rpartition("/")[2], sent)
        person = person_of(seen)
        if person is None:
            return _json({"error": "not signed in"}, status=401)
        for pattern, route in self._routes:
            if found := re.fullmatch(pattern, f"{seen.method} {parts.path}"):
                return route(person, found.groups(), sent)
        return _json({"error": "no such thing"}, status=404)

    def _sign_in(self, what: str, sent: Sent) -> Answer:
        for person in PEOPLE:
            is_known = (sent.get("email"), sent.get("password")) == (person.mail, person.password)
            if is_known or (
                what == "refresh" and sent.get("refresh_token") == f"rt-{person.name}-0123456789abcdef"
            ):
                self._uses += 1
                token = token_of(person, use=self._uses)
                return _json({"access_token": token, "refresh_token": f"rt-{person.name}-0123456789abcdef"})
        return _json({"error": "wrong e-mail or password"}, status=401)

    def _list(self, _: Person, __: tuple[str, ...], sent: Sent) -> Answer:
        page = int(str(sent.get("page", "1")))
        rows = list(self._tickets.values())
        return _json(
            {"page": page, "total": len(rows), "tickets": rows[(page - 1) * _PER_PAGE : page * _PER_PAGE]}
        )

    def _create(self, person: Person, _: tuple[str, ...], sent: Sent) -> Answer:
        self._made += 1
        ticket = {
            "id": self._made,
            **sent,
            "owner": {"id": person.number, "email": person.mail},
            "public": False,
        }
        self._tickets[self._made] = ticket
        return _json(ticket, status=201)

    def _show(self, _: Person, found: tuple[str, ...], __: Sent) -> Answer:
        ticket = self._tickets.get(int(found[0]))
        return _json(ticket) if ticket else _json({"error": "no such ticket"}, status=404)

    def _change(self, _: Person, found: tuple[str, ...], sent: Sent) -> Answer:
        ticket = self._tickets[int(found[0])] = {**self._tickets[int(found[0])], **sent}
        return _json(ticket)

    def _delete(self, _: Person, found: tuple[str, ...], __: Sent) -> Answer:
        self._tickets.pop(int(found[0]), None)
        return Answer(status=204)

    def _comment(self, person: Person, found: tuple[str, ...], sent: Sent) -> Answer:
        self._made += 1
        comment = {"id": self._made, "ticket": int(found[0]), "author": person.name, "text": sent.get("text")}
        return _json(comment, status=201)

    def _upload(self, *_: object) -> Answer:
        self._made += 1
        self._files[self._made] = {"id": self._made, "url": f"/api/files/{self._made}"}
        return _json(self._files[self._made], status=201)

    def _file(self, number: str) -> Answer:
        return _json(self._files[int(number)]) if int(number) in self._files else _json({}, status=404)

    def _unlink(self, _: Person, found: tuple[str, ...], __: Sent) -> Answer:
        self._files.pop(int(found[0]), None)
        return Answer(status=204)

    def _suggest(self, _: Person, __: tuple[str, ...], sent: Sent) -> Answer:
        query = str(sent.get("q", "")).lower()
        titles = [str(ticket["title"]) for ticket in self._tickets.values()]
        return _json([title for title in titles if query in title.lower()][:5])

    def _user(self, _: Person, found: tuple[str, ...], __: Sent) -> Answer:
        for person in PEOPLE:  # whoever asks: the second hole
            if str(person.number) == found[0]:
                return _json(_profile(person))
        return _json({"error": "no such user"}, status=404)

    def _graph(self, person: Person, _: tuple[str, ...], sent: Sent) -> Answer:
        query, variables = str(sent.get("query", "")), sent.get("variables")
        given = variables if isinstance(variables, dict) else {}
        if "createLabel" in query:
            self._made += 1
            return _json({"data": {"createLabel": {"id": str(self._made), "name": given.get("name")}}})
        if "deleteLabel" in query:
            return _json({"data": {"deleteLabel": {"id": given.get("id")}}})
        return _json({"data": {"viewer": _profile(person), "tickets": list(self._tickets.values())[:3]}})


def _sent(seen: SeenRequest, query: str) -> Sent:
    asked: Sent = {key: values[0] for key, values in parse_qs(query).items()}
    if "json" in (seen.header("content-type") or "") and seen.body:
        asked.update(json.loads(seen.body))
    return asked


def _static(path: str) -> Answer:
    if path == "/app.js":
        return text_answer(_SCRIPT, kind="text/javascript")
    if path == "/style.css":
        return text_answer("body { font: 15px sans-serif }", kind="text/css")
    if path in ("/", "/tickets", "/admin"):
        return text_answer(_HOME, kind="text/html; charset=utf-8")
    return text_answer("nothing here", status=404)


def _profile(person: Person) -> Sent:
    return {"id": person.number, "username": person.name, "email": person.mail}


def _json(value: object, *, status: int = 200) -> Answer:
    headers = ((b"Cache-Control", b"no-store"),)
    return text_answer(json.dumps(value), status=status, kind="application/json", headers=headers)
