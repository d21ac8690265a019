"""The meta lines of an entry: what is known of an exchange beside its bytes, one ``key: value`` a segment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fairwitness.evidence.layout import DamagedError
from fairwitness.model.connection import Connection
from fairwitness.model.exchange import Exchange, Request
from fairwitness.model.message import Message
from fairwitness.model.policy import Policy, Program
from fairwitness.model.verdict import Verdict

Pairs = list[tuple[str, str]]

_WHOLE = re.compile(r"-?[0-9]{1,18}")  # whatever a log holds, SQLite takes a number of 18 digits


def meta_lines(pairs: Iterable[tuple[str, str]]) -> list[bytes]:
    """Each pair as a segment; line breaks and backslashes in a value are escaped."""
    lines: list[bytes] = []
    for key, value in pairs:
        if "\n" in value or "\\" in value:
            value = value.replace("\\", "\\\\").replace("\n", "\\n")
        lines.append(f"{key}: {value}\n".encode("utf-8", "surrogatepass"))
    return lines


def read_meta(lines: bytes) -> Pairs:
    """The pairs of an entry, from all its meta segments one behind the other.

    Raises:
        DamagedError: A line is no meta line.
    """
    pairs: Pairs = []
    try:
        text = lines.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise DamagedError("its meta lines are no text") from None
    for line in text.split("\n")[:-1]:
        key, colon, value = line.partition(": ")
        if not colon:
            raise DamagedError("it has a meta line without a key")
        pairs.append((key, _unescaped(value) if "\\" in value else value))
    return pairs


def _unescaped(value: str) -> str:
    return "\\".join(part.replace("\\n", "\n") for part in value.split("\\\\"))


def first(pairs: Sequence[tuple[str, str]], key: str) -> str | None:
    """The first value of a key, None where it is absent."""
    for name, value in pairs:
        if name == key:
            return value
    return None


def every(pairs: Sequence[tuple[str, str]], key: str) -> tuple[str, ...]:
    """All values of a key, in order."""
    return tuple(value for name, value in pairs if name == key)


def whole(pairs: Sequence[tuple[str, str]], key: str) -> int | None:
    """The first value of a key as a whole number, None where it is absent or none."""
    value = first(pairs, key)
    return int(value) if value is not None and _WHOLE.fullmatch(value) else None


def body_size(pairs: Sequence[tuple[str, str]]) -> tuple[int | None, str | None]:
    """Size and SHA-256 of the whole body of an entry; None where it has none."""
    size, _, digest = (first(pairs, "body") or "").partition(" ")
    return (int(size), digest) if _WHOLE.fullmatch(size) else (None, None)


def is_cut(pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether only a part of an entry's body is stored."""
    return first(pairs, "body-cut") is not None or (first(pairs, "body-stored") or "").startswith("the first")


def verdict_pairs(verdict: Verdict, *, host: str) -> Pairs:
    """What was decided, and by which lines of the policy.

    Args:
        verdict: The decision.
        host: What the server is called; the verdict's own name for it is told where it differs.
    """
    scope_list = verdict.scope_list.value if verdict.scope_list is not None else "-"
    pairs = [("verdict", f"{verdict.action.word} {scope_list}; {verdict.reason}")]
    if verdict.host and verdict.host != host:
        pairs.append(("host", verdict.host))
    pairs += [("clause", f"{clause.id} {clause.where}") for clause in verdict.clauses]
    if verdict.flags:
        pairs += [("flag", flag) for flag in verdict.flags]
    if verdict.delay_us:
        pairs.append(("delay-us", str(verdict.delay_us)))
    return pairs


def request_pairs(request: Request, verdict: Verdict) -> Pairs:
    """What is known of a request beside its head and body.

    What belongs together shares a line, since every line is hashed by itself.
    """
    client = request.client
    pairs = [
        ("server", f"{request.scheme}://{request.host}:{request.port}"),
        ("client", f"{client.address}:{client.port} {client.connection}"),
        ("received-us", str(request.received_us)),
        ("initiator", f"{request.initiator.value} {request.metered.value}; {request.initiator_why}"),
        ("named", _names(request)),
        *verdict_pairs(verdict, host=request.host),
    ]
    if client.label is not None:
        pairs.append(("label", client.label))
    if client.ja4 is not None:
        pairs.append(("ja4", client.ja4))
    if request.page is not None:
        pairs.append(("page", request.page))
    if request.account is not None:
        pairs.append(("account", request.account))
    if request.identification_added:
        pairs.append(("identification-added", ", ".join(request.identification_added)))
    return pairs


def _names(request: Request) -> str:
    """Every place the request named; those that are the server itself by their kind alone."""
    names: list[str] = []
    for place in request.destinations:
        if place.host == request.host and place.port == request.port:
            names.append(place.named_by)
        else:
            names.append(f"{place.named_by}={place.scheme}://{place.host}:{place.port}")
    return " ".join(names)


def server_of(pairs: Sequence[tuple[str, str]]) -> tuple[str, str, int]:
    """Scheme, host and port of a request.

    Raises:
        DamagedError: The entry names no server.
    """
    scheme, _, rest = (first(pairs, "server") or "").partition("://")
    host, colon, port = rest.rpartition(":")
    if not colon or not _WHOLE.fullmatch(port):
        raise DamagedError("it names no server")
    return scheme, host, int(port)


def response_pairs(exchange: Exchange) -> Pairs:
    """What is known of a response, or of its absence."""
    pairs: Pairs = []
    response = exchange.response
    if response is not None:
        pairs += [
            ("status", f"{response.status} {response.body_bytes} bytes"),
            ("started-us", str(response.started_us)),
        ]
        if response.announced:
            pairs.append(("announced", " ".join(map(str, response.announced))))
    if exchange.failure is not None:
        pairs.append(("failure", exchange.failure))
    if not pairs:
        pairs.append(("ended", "nothing of an answer was to be seen"))
    return pairs


def status_of(pairs: Sequence[tuple[str, str]]) -> tuple[int | None, int | None]:
    """Status and size on the wire of a response; None where there was none."""
    values = (first(pairs, "status") or "").split(" ")
    if len(values) == 3 and _WHOLE.fullmatch(values[0]) and _WHOLE.fullmatch(values[1]):
        return int(values[0]), int(values[1])
    return None, None


def connection_pairs(connection: Connection, verdict: Verdict | None) -> Pairs:
    """What is known of a dial; without *verdict* it is its end."""
    client = connection.client
    pairs: Pairs = [
        ("state", "dialled" if verdict else "ended"),
        ("server", f"{connection.purpose}://{connection.host}:{connection.port}"),
        ("client", f"{client.address}:{client.port} {client.connection}"),
        ("listed", connection.scope_list),
        ("resolved-by", connection.resolved_by),
        ("dialled-us", str(connection.dialled_us)),
        *(("address", address) for address in connection.addresses),
    ]
    for key, value in (
        ("label", client.label),
        ("ja4", client.ja4),
        ("sni", connection.sni),
        ("peer", connection.peer),
        ("tls-version", connection.tls_version),
        ("alpn", connection.alpn),
        ("certificate-sha256", connection.certificate_sha256),
        ("failure", connection.failure),
    ):
        if value is not None:
            pairs.append((key, value))
    for key, number in (
        ("connected-us", connection.connected_us),
        ("closed-us", connection.closed_us),
        ("bytes-sent", connection.bytes_sent),
        ("bytes-received", connection.bytes_received),
    ):
        if number is not None:
            pairs.append((key, str(number)))
    if verdict is not None:
        pairs += verdict_pairs(verdict, host=connection.host)
    return pairs


def message_pairs(message: Message) -> Pairs:
    """What is known of a message."""
    return [
        ("direction", message.direction.value),
        ("message", message.kind),
        ("number", str(message.number)),
    ]


def program_pairs(program: Program) -> Pairs:
    """Whose policy it is."""
    pairs: Pairs = [
        ("program", program.name),
        ("policy-url", program.policy_url),
        ("review-every-days", str(program.review_every_days)),
    ]
    for key, value in (
        ("contact", program.contact),
        ("reviewed", program.reviewed),
        ("rewards", program.rewards),
    ):
        if value is not None:
            pairs.append((key, value))
    return pairs


def program_of(pairs: Sequence[tuple[str, str]]) -> Program:
    """The inverse of `program_pairs`.

    Raises:
        DamagedError: The entry names no program.
    """
    name, url = first(pairs, "program"), first(pairs, "policy-url")
    if name is None or url is None:
        raise DamagedError("it names no program")
    return Program(
        name=name,
        policy_url=url,
        contact=first(pairs, "contact"),
        reviewed=first(pairs, "reviewed"),
        review_every_days=whole(pairs, "review-every-days") or 30,
        rewards=first(pairs, "rewards"),
    )


def policy_pairs(policy: Policy, why: str) -> Pairs:
    """Which policy came into force, and why."""
    return [
        ("sha256", policy.sha256),
        ("path", policy.path),
        ("why", why),
        *program_pairs(policy.program),
    ]
