"""Guesses that ask for a thing by its code: a gift card, a coupon or an invitation in a path, an API key.

Such a code may be the researcher's own, and an answer may have listed it, so that asking for it is no guess
yet: only a refusal makes it one (`was_refused`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from fairwitness.detect.secret import occurs
from fairwitness.model.exchange import Exchange, Request
from fairwitness.model.flag import Pointer
from fairwitness.rules.attempts import Attempt, Guess, Kind, is_guess
from fairwitness.rules.fields import Field, json_of, last_word
from fairwitness.rules.hints import Hint, hints_in
from fairwitness.rules.sign_in import MAX_ANSWER_BYTES, says_no

_METHODS = frozenset(["GET", "HEAD", "POST"])
_KEY_HEADER = b"x-api-key"
_KEYS = frozenset(
    ["accesskey", "apikey", "apitoken", "appkey", "licencekey", "licensekey", "subscriptionkey"]
)
_PATH_BYTES = 256
_IN_PATH = re.compile(
    r"/(?:[a-z]{1,20}[_-])?(?:(gift[_-]?(?:cards?|codes?|certificates?)|coupons?(?:[_-]?codes?)?|vouchers?"
    r"|promo(?:tion)?s?(?:[_-]?codes?)?|discount[_-]?codes?|redeem)|(licen[cs]es?|(?:licen[cs]e|api)[_-]?keys?)"
    r"|(invit(?:e|ation)s?))(?:/(?:balance|by[_-]?code|check|code|lookup|redeem|validate|verify))?"
    r"/([0-9A-Za-z_-]{4,64})(?:/(?:accept|apply|balance|check|redeem|status|validate|verify))?/?$",
    re.I,
)
_KINDS = (Kind.VOUCHER, Kind.KEY, Kind.TOKEN)
_SHORTEST_NUMBER = 12  # digits of a card's number; a shorter one is an id, and walking ids is enumeration
_SHORTEST_MIXED = 6
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
_WORD = re.compile(r"(?:^|[_-])[A-Z]?[a-z]{4,}(?:[_-]|$)")
_NUMBERED = re.compile(r"[A-Z]{1,8}-[0-9]{1,12}")  # INV-1001: the next one is known, so it is an id
_REFUSALS = frozenset([400, 403, 404, 410, 422])
_NO_KEY = frozenset([401, 403])
_SAYS_REFUSED = occurs(
    rb"(?i)(?:invalid|unknown|incorrect|wrong|no such) (?:[a-z]{1,12} ){0,2}"
    rb"(?:code|card|coupon|voucher|key|invite|invitation|token|licen[cs]e)"
    rb"|(?:code|card|coupon|voucher|key|invite|invitation|token|licen[cs]e) (?:[\w-]{1,40} )?"
    rb"(?:(?:is |was )?(?:invalid|unknown|not valid|not found)|could not be found"
    rb"|does not exist|is not recogni[sz]ed)"
)


def lookup_in(request: Request, fields_of: Callable[[], Sequence[Field]]) -> Attempt | None:
    """The code or key that a request asks with; None for nearly all.

    Args:
        request: The request.
        fields_of: Its fields, read only where they may hold a key.
    """
    if request.method not in _METHODS:
        return None
    key = request.first_values.get(_KEY_HEADER)
    if key is not None:
        return _of_key(request, key.decode("latin-1"))
    if b"?" in request.target and Hint.GUESSES in hints_in(request.target):
        for field in fields_of():
            if field.place == "query" and last_word(field.name) in _KEYS:
                return _of_key(request, field.value)
    if Hint.CODES not in hints_in(request.target):
        return None
    path = request.raw_path[-_PATH_BYTES:].decode("latin-1")
    found = _IN_PATH.search(path)
    if found is None:
        return None
    kind, code = _kind_of(found), found[4]
    if not _is_code(code) or (kind is not Kind.VOUCHER and _NUMBERED.fullmatch(code)):
        return None
    at = f"{path[: found.start(4)]}*{path[found.end(4) :]}"
    return Attempt(kind, (Guess("", code),), "", Pointer(request.exchange, "head"), asks_at=at)


def was_refused(kind: Kind, exchange: Exchange) -> bool:
    """Whether the answer says that there is no such code or key, by its status or in words."""
    response = exchange.response
    if response is None:
        return False
    if response.status in (_NO_KEY if kind is Kind.KEY else _REFUSALS):
        return True
    body = response.body[: MAX_ANSWER_BYTES + 1]
    is_told = response.status == 200 or (kind is Kind.KEY and response.status == 400)
    if not is_told or not 0 < len(body) <= MAX_ANSWER_BYTES:
        return False
    if "json" in response.kind:
        return isinstance(json_of(body), dict) and says_no(response)
    return _SAYS_REFUSED(body)


def _of_key(request: Request, key: str) -> Attempt | None:
    """Keys open a whole host, whichever path they are tried at."""
    if not 4 <= len(key) <= 512 or not is_guess(key):
        return None
    return Attempt(Kind.KEY, (Guess("", key),), "", Pointer(request.exchange, "head"), asks_at="*")


def _kind_of(found: re.Match[str]) -> Kind:
    return next(kind for kind, word in zip(_KINDS, found.groups(), strict=False) if word is not None)


def _is_code(text: str) -> bool:
    """Whether it is a code: ``ABCD-1234``, ``SAVE10``, the number of a card; no word and no id."""
    bare = text.replace("-", "").replace("_", "")
    if bare.isdigit():
        return len(bare) >= _SHORTEST_NUMBER
    if _UUID.fullmatch(text) or len(bare) < 4:
        return False
    if bare.isupper():
        return True
    has_both = not bare.isalpha()
    return has_both and len(bare) >= _SHORTEST_MIXED and not _WORD.search(text)
