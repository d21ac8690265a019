"""destructive-request: what deletes, on objects that the log does not show as the researcher's."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from fairwitness.detect.destruction import destruction_in
from fairwitness.detect.secret import occurs
from fairwitness.model.exchange import Exchange, Initiator, Request, Response
from fairwitness.model.flag import Pointer, Severity, Sighting
from fairwitness.model.policy import Policy
from fairwitness.rules.bounded import Recent
from fairwitness.rules.deeds import Deed, destroys, destroys_by_link
from fairwitness.rules.facets import CHANGES, GOOD, SAYS
from fairwitness.rules.fields import last_word
from fairwitness.rules.objects import Object
from fairwitness.rules.ownership import Standing
from fairwitness.rules.rule import Rule
from fairwitness.rules.sign_in import leads_away, says_no
from fairwitness.rules.slugs import path_object
from fairwitness.rules.words import reach_of

_SEEN_FILES = 4096
_SHORTEST = 5  # characters of a value that could destroy anything
_HINT = occurs(
    rb"(?i)drop|truncat|delete|alter|update|insert|replace|shutdown|grant|revoke|exec|outfile|dumpfile|copy|rm\s|mkfs|shred"
    rb"|wipe|fdisk|parted|dd\s|/dev/|reboot|halt|poweroff|init|kill|:\(|del|erase|rd\s|rmdir|format|chmod|mv\s|>\s*/"
    rb"|unlink|rmtree|removedirs|os\.|dropdatabase|flush|\.remove|\$(?:out|merge)|%"
)
_STATEMENTS = frozenset(["rawsql", "sql", "sqlquery", "sqltext", "statement", "stmt"])  # run as they stand
_LINK = occurs(rb"(?i)delete|destroy|erase|purge|remove|wipe")
_HOSTS = 64
_LINKS = 256  # of one host that are known to have deleted something
_BY_LINK, _BY_LINKS = 2, 3  # different objects that links have deleted: a warning, too many
_FILE_METHODS = frozenset(["PROPFIND", "MKCOL", "PUT", "MOVE", "COPY", "LOCK"])


class DestructiveRequest(Rule):
    """Asks whose the thing is before it is gone.

    Its state are the files of WebDAV servers that answers showed, so that a PUT or a MOVE onto one of them is
    known to overwrite it, and the links that have deleted something.
    """

    name = "destructive-request"
    summary = "deletes what the log does not show as yours"
    requests = CHANGES | SAYS
    answers = CHANGES | GOOD

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self._files: Recent[tuple[str, Object], bool] = Recent(_SEEN_FILES)
        self._by_link: Recent[tuple[str, bool], set[bytes]] = Recent(_HOSTS)

    def on_request(self, request: Request) -> Iterator[Sighting]:
        """Look at method, path, form and GraphQL call."""
        reading = self.known.reading(request)
        if request.method in {"PUT", "MOVE", "COPY"}:
            yield from self._overwriting(request)
        yield from self._payload(request)
        deed = destroys(reading)
        if deed is None:
            return
        standing = self.known.ownership.standing(reading, kind=deed.kind)
        if standing is Standing.OWN:
            return
        whose = "belongs to somebody else" if standing is Standing.FOREIGN else "is not shown to be yours"
        yield self._sighting(request, deed, whose)

    def _payload(self, request: Request) -> Iterator[Sighting]:
        """A value that would destroy data where the server runs it."""
        fields = [
            field
            for field in self.known.reading(request).fields
            if len(field.value) >= _SHORTEST and not field.value.isalnum()
        ]
        if not fields or not _HINT(_bytes("\n".join([field.value for field in fields]))):
            return
        for field in fields:
            value = _bytes(field.value)
            if not _HINT(value):
                continue
            is_statement = last_word(field.name) in _STATEMENTS
            for attack in destruction_in(value + b";" if is_statement else value):
                part = "body" if field.place == "body" else "head"
                yield Sighting(
                    rule=self.name,
                    severity=Severity.STOP,
                    says=f"the field {field.name[:40]} holds {attack.family} that deletes or overwrites data",
                    advice="Show the flaw with something that changes nothing, such as a delay or a version.",
                    shown_by=(Pointer(request.exchange, part),),
                    reach=reach_of(request),
                    asks_each_time=True,
                )
                return

    def on_response(self, exchange: Exchange) -> Iterator[Sighting]:
        """Remember which files there are, and see what links have deleted without asking."""
        request, response = exchange.request, exchange.response
        if request.method == "GET":
            return self._linked(exchange) if _LINK(request.raw_path) else iter(())
        if request.method in _FILE_METHODS and response is not None and response.status < 300:
            path = path_object(request.raw_path)
            if request.method != "PUT" or (request.host, path) in self._files:
                self._files.put((request.host, path), True)
        return iter(())

    def _linked(self, exchange: Exchange) -> Iterator[Sighting]:
        """A link whose answer leads back to a list, or says nothing, did it; a page may be the question."""
        request, response = exchange.request, exchange.response
        reading = self.known.reading(request)
        deed = destroys_by_link(reading)
        if deed is None or response is None or not _is_done(request, response):
            return
        if self.known.ownership.standing(reading, kind=deed.kind) is Standing.OWN:
            return
        key = (request.host, request.initiator is Initiator.PAGE)
        done = self._by_link.get_or_make(key, set)
        if len(done) < _LINKS:
            done.add(request.target[:512])
        severity = Severity.INFO if len(done) < _BY_LINK else Severity.CHECK
        yield Sighting(
            rule=self.name,
            severity=severity if len(done) < _BY_LINKS else Severity.STOP,
            says=f"{deed.says}: {len(done)} such links have deleted what is not shown to be yours",
            advice="Keep crawlers from links that delete.",
            shown_by=(Pointer(request.exchange, "head"),),
            reach=reach_of(request),
        )

    def _overwriting(self, request: Request) -> Iterator[Sighting]:
        path = request.raw_path
        if request.method != "PUT":
            if (request.header("overwrite") or "T").strip().upper() == "F":
                return
            try:
                path = urlsplit(request.header("destination") or "").path.encode("latin-1", "replace")
            except ValueError:
                return
        there = path_object(path)
        if (request.host, there) not in self._files:
            return
        if self.known.ownership.of(request.host, there) is not Standing.OWN:
            deed = Deed(f"{request.method} onto what is there already", "", "head")
            yield self._sighting(request, deed, "is not shown to be yours")

    def _sighting(self, request: Request, deed: Deed, whose: str) -> Sighting:
        return Sighting(
            rule=self.name,
            severity=Severity.STOP if deed.is_sure else Severity.INFO,
            says=f"{deed.says}: what it would destroy {whose}",
            advice="Test on an object that you have made through fairwitness, or ask the program first.",
            shown_by=(Pointer(request.exchange, deed.part),),
            reach=reach_of(request),
        )


def _is_done(request: Request, response: Response) -> bool:
    if 300 <= response.status < 400:
        return leads_away(request, response) and not _LINK(_bytes(response.header("location") or ""))
    return response.status == 204 or (
        response.status < 300 and "json" in response.kind and not says_no(response)
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
