"""What a request posts to other people: comments, messages to staff, invitations and other mail.

Told by the words of the path or the GraphQL mutation, and by the fields that such a form has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from fairwitness.rules.deeds import calls_of, is_calls
from fairwitness.rules.fields import Field, last_word
from fairwitness.rules.hints import Hint, hints_in
from fairwitness.rules.objects import place_of, singular, words_of
from fairwitness.rules.reading import Reading
from fairwitness.rules.sign_in import NAME_FIELDS, PASSWORD_FIELD
from fairwitness.rules.vocabulary import BASKETS, SOLD, TRACES

_FORM = (b"message", b"msg", b"enquiry", b"inquiry", b"nachricht")
_FORM_BEGINS = 4096  # bytes of a body in which the name of such a field is looked for
_ADDRESS = re.compile(r"[^\s@<>,;\"']{1,64}@[^\s@<>,;\"']{1,190}")
_ADDRESSES = 100  # of one request; who writes to more is past every threshold
_FEW_FIELDS = 15  # in a form that writes to staff; a check-out has more

_NO_POSTING = frozenset(
    """
    accept analytic autocomplete autosave availability available cancel check confirm count decline delete
    dismiss draft edit exist export fetch filter find flag get helpful hide import like list load login mark
    mine moderate pin preference preview query react reaction read reject resolve revoke search setting sort
    stat typing unread unsubscribe update upvote validate verify view vote
    """.split()  # noqa: SIM905 - one word after the other reads better
)
_TEXT = frozenset(
    """
    answer body comment commentbody commenttext content desc description detail feedback message msg enquiry
    inquiry nachricht note opinion question reply review text yourmessage
    """.split()  # noqa: SIM905
)
_TITLES = frozenset(["subject", "threadtitle", "title", "topictitle"])  # what a person heads a thread with
_MARKS = frozenset(["mark", "rating", "score", "star"])
_SENDERS = frozenset(["from", "fromemail", "myemail", "replyto", "sender", "senderemail", "youremail"])
_PEOPLE = frozenset(
    ["friend", "invitee", "invitees", "member", "members", "recipient", "recipients", "to", "user", "users"]
)
_TO_MEMBERS = frozenset(["invitation", "friend request"])  # who get it by name or id, or by the path's
_SIGN_UPS = frozenset(["createaccount", "register", "registration", "signup"])
_TEXTED = frozenset(map(singular, ["mobile", "otp", "phone", "sms"]))
_NUMBERS = frozenset("mobile mobilenumber msisdn number phone phonenumber recipient tel to".split())  # noqa: SIM905
_PHONE = re.compile(r"\s*\+?[0-9][0-9 ()./-]{6,20}\s*$")
_PROOFS = frozenset(["code", "key", "otp", "pin", "token", "verificationcode"])
_OF_ACCOUNT = frozenset(["account", "auth", "forgot", "forgotten", "lostpassword", "password", "recovery"])
_LIST = 16 << 10  # characters of a field in which addresses are looked for
CHAT = "chat message"
_CHATS = frozenset(["chat", "conversation", "directmessage", "dm", "message"])
_NO_CHATS = frozenset(
    ["agent", "assistant", "bot", "completion", "error", "i18n", "llm", "log", "queue", "template"]
)
_MACHINES = frozenset(["model", "prompt", "role"])  # a language model answers, nobody reads
_CONTACT = frozenset(["contactus", "contactform", "enquiry", "feedback", "inquiry", "kontakt", "guestbook"])
_SUPPORT = frozenset(["helpdesk", "support", "supportticket"])
_STAFF_FORM = frozenset(["message", "msg", "enquiry", "inquiry", "nachricht", "yourmessage"])


@dataclass(frozen=True, slots=True)
class Posting:
    """Something that reaches other people."""

    kind: str
    """As people call one of it: ``comment``, ``invitation``, ``message to staff``."""
    recipients: tuple[str, ...]
    """Addresses and names to which it goes, where it names them; empty for what anybody or staff reads."""
    names_recipients: bool
    """Whether it is of a kind that goes to somebody by name."""


def posting_of(reading: Reading) -> Posting | None:
    """What a request posts to other people; None where nothing."""
    request = reading.request
    if request.method not in {"POST", "PUT"} or not request.body:
        return None
    path, _, query = request.target.partition(b"?")
    if Hint.POSTS not in hints_in(request.target) and not _may_be_form(request.body[:_FORM_BEGINS].lower()):
        return None
    place = place_of(path)
    if is_calls(place.kind):
        for call in calls_of(reading):
            found = _by_words(words_of(call), reading.fields, is_call=True)
            if found is not None:
                return found
        return None
    if request.method == "PUT":
        return None
    words = place.words
    if query and len(words) <= 1:  # ``/index.php?page=contact``
        words = (
            *words,
            *(
                word
                for field in reading.fields
                if field.place == "query"
                for word in words_of(field.value[:60])
            ),
        )
    fields = tuple(field for field in reading.fields if field.place == "body")
    return _by_words(words, fields) or _by_form(words, fields)


def _may_be_form(begins: bytes) -> bool:
    return b"mail" in begins and any(name in begins for name in _FORM)


def _by_words(words: Iterable[str], fields: tuple[Field, ...], *, is_call: bool = False) -> Posting | None:
    said = {singular(word) for word in words}
    if not _NO_POSTING.isdisjoint(said) or not BASKETS.isdisjoint(said):
        return None
    kind = _open_kind(said)
    if kind:
        return Posting(kind, (), False) if is_call or _has_text(kind, fields) else None
    if said & _TEXTED and said & {"send", "resend", "request"}:
        numbers = dict.fromkeys(
            field.value for field in fields if last_word(field.name) in _NUMBERS and _PHONE.match(field.value)
        )
        if numbers:
            return Posting("text message", tuple(numbers)[:_ADDRESSES], True)
    kind = _addressed_kind(said, fields)
    recipients = _recipients(fields, by_name=_goes_by_name(kind, said, fields)) if kind else ()
    if recipients or kind in _TO_MEMBERS:
        return Posting(kind, recipients, True)
    if said.isdisjoint(_CHATS) or not said.isdisjoint(_NO_CHATS):
        return None
    names = {last_word(field.name) for field in fields}
    if not names.isdisjoint(_MACHINES) or not (is_call or _has_text(CHAT, fields)):
        return None
    recipients = _recipients(fields, by_name=True)
    return Posting(CHAT, recipients, bool(recipients))


def _by_form(words: Iterable[str], fields: tuple[Field, ...]) -> Posting | None:
    """A form with a message and an address, wherever it is sent."""
    names = {last_word(field.name) for field in fields}
    said = {singular(word) for word in words}
    if (
        len(fields) > _FEW_FIELDS
        or names.isdisjoint(_STAFF_FORM)
        or not said.isdisjoint(BASKETS | SOLD | TRACES | _NO_POSTING)
    ):
        return None
    if not any(
        "mail" in last_word(field.name) and _ADDRESS.fullmatch(field.value.strip()) for field in fields
    ):
        return None
    return Posting("message to staff", (), False)


def _open_kind(said: set[str]) -> str:
    """What anybody or staff reads."""
    if said & {"comment", "reply"}:
        return "comment"
    if said & {"review"}:
        return "review"
    if said & {"thread", "topic", "discussion"}:
        return "thread"
    if said & _CONTACT or "contact" in said or said & _SUPPORT or {"help", "ticket"} <= said:
        return "message to staff"
    return ""


def _addressed_kind(said: set[str], fields: tuple[Field, ...]) -> str:
    """What goes to those whom it names."""
    names = {last_word(field.name) for field in fields}
    has_password = any(PASSWORD_FIELD.search(name) for name in names)
    if said & {"invite", "invitation", "invitee"}:
        return "invitation"
    if said & {"friend", "friendship"} and said & {"add", "request", "create"}:
        return "friend request"
    if said & _SIGN_UPS or {"sign", "up"} <= said or ({"create", "account"} <= said and has_password):
        return "sign-up"
    if said & {"forgot", "forgotten", "lost", "lostpassword", "magic", "recover", "recovery", "reset"}:
        return "reset mail" if not has_password and names.isdisjoint(_PROOFS) else ""
    if said & {"newsletter", "subscribe", "subscription", "subscriber", "waitlist", "mailinglist"}:
        return "newsletter sign-up"
    is_mail = not said.isdisjoint({"mail", "email", "message"})
    if said & {"share", "friend", "sendmail", "resend"} or (is_mail and said & {"send", "forward"}):
        return "mail"
    return ""


def _has_text(kind: str, fields: tuple[Field, ...]) -> bool:
    """Whether there is something to read; stars are a review, and no message."""
    names = _TEXT | _MARKS if kind == "review" else _TEXT
    if kind == "thread" and not any(last_word(field.name) in _TITLES and field.value for field in fields):
        return False
    return any(singular(last_word(field.name)) in names and field.value.strip() for field in fields)


def _goes_by_name(kind: str, said: set[str], fields: tuple[Field, ...]) -> bool:
    """Whether such a thing may name its recipient by something else than an address."""
    if kind == "sign-up":
        return any(PASSWORD_FIELD.search(last_word(field.name)) for field in fields)
    return kind in _TO_MEMBERS or (kind == "reset mail" and not said.isdisjoint(_OF_ACCOUNT))


def _recipients(fields: tuple[Field, ...], *, by_name: bool) -> tuple[str, ...]:
    addresses: dict[str, None] = {}
    names: dict[str, None] = {}
    for field in fields:
        name = last_word(field.name)
        if name in _SENDERS or len(field.value) > _LIST:
            continue
        found = _ADDRESS.findall(field.value) if "@" in field.value else []
        addresses.update(dict.fromkeys(found[:_ADDRESSES]))
        if not found and by_name and (name in _PEOPLE or name in NAME_FIELDS) and 0 < len(field.value) <= 100:
            names[field.value] = None
        if len(addresses) >= _ADDRESSES:
            break
    return tuple(addresses or names)[:_ADDRESSES]
