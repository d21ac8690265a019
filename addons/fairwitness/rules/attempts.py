"""What a request guesses: a password, a one-time code, a reset token, a voucher.

A guess that answers nothing is as good as one that answers 401, so this reads requests; whether a guess was
right is `was_right`.  What is guessed is compared by salted hashes and kept nowhere.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fairwitness.detect import attacks_in
from fairwitness.model.exchange import Exchange, Request
from fairwitness.model.flag import Pointer
from fairwitness.rules.fields import Field, last_word, markup_fields
from fairwitness.rules.hints import Hint, hints_in
from fairwitness.rules.sign_in import (
    MAX_ANSWER_BYTES,
    MAX_FORM_BYTES,
    NAME_FIELDS,
    PASSWORD_FIELD,
    SIGN_UP_PATH,
    leads_away,
    says_no,
)


class Kind(StrEnum):
    """What is guessed."""

    PASSWORD = "password"  # noqa: S105 - a word
    CODE = "one-time code"
    TOKEN = "reset token"  # noqa: S105
    VOUCHER = "voucher code"
    KEY = "API key"


_CODES = frozenset(
    [
        "2fa",
        "2facode",
        "authcode",
        "backupcode",
        "confirmationcode",
        "emailcode",
        "loginotp",
        "mfa",
        "mfacode",
        "onetimecode",
        "otp",
        "otpcode",
        "otptoken",
        "otpvalue",
        "phonecode",
        "pincode",
        "recoverycode",
        "secretanswer",
        "securityanswer",
        "securitycode",
        "smscode",
        "totp",
        "totpcode",
        "twofactorcode",
        "twofactortoken",
        "verificationcode",
        "verifycode",
    ]
)
_TOKENS = frozenset(
    [
        "activationcode",
        "activationtoken",
        "invitationtoken",
        "invitetoken",
        "passwordtoken",
        "resetcode",
        "resetpasswordtoken",
        "resettoken",
        "verificationtoken",
    ]
)
_VOUCHERS = frozenset(
    [
        "coupon",
        "couponcode",
        "discountcode",
        "giftcard",
        "giftcardcode",
        "giftcode",
        "promo",
        "promocode",
        "promotioncode",
        "voucher",
        "vouchercode",
    ]
)
_VAGUE = frozenset({"code", "key", "passcode", "pin", "token"})  # these mean it only where the place says so
_CODE_PLACE = re.compile(
    r"otp|2fa|mfa|two-?_?factor|verif|one-?_?time|sms|challenge|confirm|(?<![a-z])pin(?![a-z])", re.I
)
_TOKEN_PLACE = re.compile(r"reset|recover|activat|forgot|invit|magic", re.I)
_QUESTION_PLACE = re.compile(r"secur|secret|recover|forgot", re.I)
_VOUCHER_PLACE = re.compile(r"redeem|coupon|voucher|promo|gift", re.I)
_IN_PATH = re.compile(
    r"/[a-z_-]*(reset|recover|activat|verif|confirm|invit|magic)[a-z_-]*/(?:[a-z_-]{2,20}/)?"
    r"([0-9]{4,10}|(?=[A-Za-z_-]*[0-9])[0-9A-Za-z_-]{12,200})/?$",
    re.I,
)
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-"
_SHORTEST_IN_PATH = 4
_PATH_BYTES = 256  # the end of a path; the expression goes back and forth in a long word
_OLD = re.compile(r"old|current|existing")
_NO_GUESS = re.compile(r"['\"<>()`;|{}\\]")  # in few passwords, and in nearly all that is sent to try a form
_SHORT_CODE = re.compile(r"[0-9]{3,10}")
_CODE_CHARACTERS = 64
_GUESSES = 100  # of one request
_NAMES_IN_FORM = 25  # different ones; a request with more looks for names of parameters
_NAMES_IN_QUERY = 8
_SECRET = 512  # characters that count; the rest of a longer one makes no second guess


@dataclass(frozen=True, slots=True)
class Guess:
    """One value that is tried, for an account or for none."""

    name: str
    """The account's, as it was sent; empty where the request names none."""
    secret: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """All that one request guesses."""

    kind: Kind
    guesses: tuple[Guess, ...]
    field: str
    """The name of the field that is guessed; empty for basic authentication and for paths."""
    shown_by: Pointer
    asks_at: str = ""
    """Where it asks, without the code, if only a refusal makes it a guess; else empty."""


def attempt_in(request: Request, fields_of: Callable[[], Sequence[Field]]) -> Attempt | None:
    """What a request guesses; None for nearly all.

    Args:
        request: The request.
        fields_of: Its fields, read only where it may guess anything.
    """
    authorization = request.header("authorization")
    if authorization is not None and authorization[:6].lower() == "basic ":
        return _basic(request, authorization)
    if request.body:
        is_form = len(request.body) <= MAX_FORM_BYTES and not request.body_is_cut
        if is_form and Hint.GUESSES in hints_in(request.body):
            is_markup = request.body.lstrip()[:1] == b"<"
            return _of_fields(request, markup_fields(request.body) if is_markup else fields_of())
    elif b"?" in request.target and Hint.GUESSES in hints_in(request.target):
        return _of_fields(request, fields_of())
    path = request.raw_path.rstrip(b"/")
    last = path[path.rfind(b"/") + 1 :]
    if len(last) < _SHORTEST_IN_PATH or not last.translate(None, _LETTERS):
        return None
    if Hint.RESETS not in hints_in(request.target):
        return None
    found = _IN_PATH.search(path[-_PATH_BYTES:].decode("latin-1"))
    if found is None:
        return None
    kind = Kind.CODE if found[2].isdigit() else Kind.TOKEN
    return Attempt(kind, (Guess("", found[2]),), "", Pointer(request.exchange, "head"))


def was_right(kind: Kind, field: str, exchange: Exchange, *, has_signed_in: bool) -> bool:
    """Whether the answer to an attempt looks like a yes.

    Args:
        kind: What was guessed.
        field: The attempt's.
        exchange: The request with its answer.
        has_signed_in: As `sign_in.has_signed_in` has it.
    """
    response = exchange.response
    if response is None or not 200 <= response.status < 400:
        return False
    if kind is Kind.PASSWORD:
        return has_signed_in or not field  # basic authentication
    if response.status >= 300:
        return leads_away(exchange.request, response)
    if "json" in response.kind:
        return not says_no(response)
    return field.encode("utf-8", "replace") not in response.body[:MAX_ANSWER_BYTES]


def is_guess(text: str) -> bool:
    """Whether somebody would try this to get in; payloads, noise and emptiness test the form instead."""
    if not text.strip() or _NO_GUESS.search(text) or not text.isprintable() or max(text) > "\uffff":
        return False
    return not any(True for _ in attacks_in(text.encode("utf-8", "surrogatepass")))


def _basic(request: Request, authorization: str) -> Attempt | None:
    if len(authorization) > MAX_FORM_BYTES:
        return None
    try:
        text = b64decode(authorization[6:].strip(), validate=True).decode("utf-8", "replace")
    except ValueError:
        return None
    name, colon, secret = text.partition(":")
    if not colon or not name.strip() or not secret:
        return None
    return Attempt(Kind.PASSWORD, (Guess(name, secret),), "", Pointer(request.exchange, "head"))


def _of_fields(request: Request, given: Sequence[Field]) -> Attempt | None:
    fields = [(field, last_word(field.name)) for field in given[: 4 * _GUESSES]]
    most_names = _NAMES_IN_FORM if request.body else _NAMES_IN_QUERY
    if len({field.name for field, _ in fields}) > most_names:
        return None
    names = tuple(field.value for field, word in fields if word in NAME_FIELDS and field.value.strip())
    passwords = [(field, word) for field, word in fields if PASSWORD_FIELD.search(word) and field.value]
    codes = [(field, kind) for field, word in fields if (kind := _kind_of(request, field, word))]
    if passwords:
        tried = _passwords(request, passwords, names)
        strong = [field for field, kind in codes if kind is Kind.CODE and last_word(field.name) in _CODES]
        if len(tried) == 1 and strong:  # the password is known, its second factor is guessed
            return _attempt(request, Kind.CODE, strong, names)
        if tried:
            return _attempt(request, Kind.PASSWORD, tried, names)
    if not codes:
        return None
    kind = codes[0][1]
    return _attempt(request, kind, [field for field, each in codes if each is kind], names)


def _passwords(request: Request, passwords: Sequence[tuple[Field, str]], names: Sequence[str]) -> list[Field]:
    """Those passwords that are tried, not set."""
    old = [field for field, word in passwords if _OLD.search(word)]
    if old:
        return old[:1]
    if request.method == "GET" and not names:
        return []
    distinct = list({field.value: field for field, _ in passwords}.values())
    if len(passwords) == 2 or (len(distinct) == 1 and len(passwords) > 1):
        return []  # a sign-up, or a change of password
    told = request.path
    if request.body and b"mutation" in request.body[:MAX_FORM_BYTES]:
        told += request.body[:MAX_FORM_BYTES].decode("latin-1")
    return [] if SIGN_UP_PATH.search(told) or _TOKEN_PLACE.search(request.path) else distinct


def _kind_of(request: Request, field: Field, word: str) -> Kind | None:
    value = field.value
    if not value or len(value) > _CODE_CHARACTERS * 4 or field.name.startswith("_"):
        return None
    is_short = len(value) <= _CODE_CHARACTERS
    if word in _VOUCHERS:
        return Kind.VOUCHER if is_short else None
    if word in _CODES:
        return (
            Kind.CODE if (is_short and request.method != "GET") or _CODE_PLACE.search(request.path) else None
        )
    if word in _TOKENS:
        return Kind.TOKEN
    if word == "answer" and is_short and _QUESTION_PLACE.search(request.path):
        return Kind.CODE
    if word not in _VAGUE:
        return None
    if _VOUCHER_PLACE.search(request.path):
        return Kind.VOUCHER if is_short else None
    if word != "key" and is_short and _CODE_PLACE.search(request.path):
        return Kind.CODE
    if _TOKEN_PLACE.search(request.path):
        return Kind.TOKEN
    is_digits = bool(_SHORT_CODE.fullmatch(value)) and word != "key"
    return Kind.CODE if is_digits and request.method != "GET" else None


def _attempt(request: Request, kind: Kind, tried: Sequence[Field], names: Sequence[str]) -> Attempt | None:
    paired = names if len(names) == len(tried) else [names[0] if names else ""] * len(tried)
    guesses = {
        Guess(name, field.value[:_SECRET])
        for name, field in zip(paired, tried[:_GUESSES], strict=False)
        if is_guess(field.value[:_SECRET]) and (not name or is_guess(name[:_SECRET]))
    }
    if not guesses:
        return None
    at = Pointer(request.exchange, tried[0].place if tried[0].place == "body" else "head")
    ordered = tuple(sorted(guesses, key=lambda guess: (guess.name, guess.secret)))
    return Attempt(kind, ordered, tried[0].name, at)
