"""Which names mean a credential, and which only look so."""

from __future__ import annotations

import re
from functools import lru_cache

_PASSWORDS = {
    "password", "passwd", "passwort", "pwd", "passphrase", "passcode", "pass", "pw", "userpass",
    "motdepasse", "contrasena",
}  # fmt: skip
_TOKENS = {
    "token", "tokens", "jwt", "csrf", "xsrf", "csrftoken", "xsrftoken", "csrfmiddlewaretoken",
    "assertion", "samlresponse", "samlart", "ticket", "bearer", "authorization", "auth", "credential",
    "credentials", "requestverificationtoken", "authkey", "sso", "oauth",
}  # fmt: skip
_SESSIONS = {"session", "sessionid", "sid", "phpsessid", "jsessionid", "sessid", "cookie", "cookies", "sess"}
_KEYS = {"secret", "secrets", "apikey", "privatekey", "secretkey", "accesskey", "appkey", "hmac"}
_SIGNATURES = {"signature", "sig"}
_CODES = {"otp", "totp", "mfa", "pin", "cvv", "cvc", "tan"}

_KINDS = {
    **dict.fromkeys(_PASSWORDS, "password"),
    **dict.fromkeys(_TOKENS, "token"),
    **dict.fromkeys(_SESSIONS, "cookie"),
    **dict.fromkeys(_KEYS, "key"),
    **dict.fromkeys(_SIGNATURES, "signature"),
    **dict.fromkeys(_CODES, "code"),
}

_KEY_BEFORE = {
    "api", "access", "private", "secret", "account", "signing", "encryption", "shared", "subscription",
    "auth", "app", "consumer", "master", "service", "client", "deploy", "webhook", "security", "storage",
    "license", "licence",
}  # fmt: skip
_CODE_BEFORE = {
    "verification", "auth", "security", "recovery", "backup", "reset", "confirmation", "login", "sms",
    "mfa", "otp", "pin", "time", "factor", "activation", "authorization", "2fa", "device", "access",
    "invite", "pass",
}  # fmt: skip
_VERIFIERS = {("code", "verifier"), ("login", "verifier"), ("consent", "verifier"), ("oauth", "verifier")}
_CHALLENGES = {("login", "challenge"), ("consent", "challenge")}

_ENDINGS = (
    ("password", "password"), ("passwd", "password"), ("passwort", "password"), ("passphrase", "password"),
    ("token", "token"), ("secret", "key"), ("apikey", "key"), ("privatekey", "key"), ("accesskey", "key"),
    ("sessionid", "cookie"), ("sessid", "cookie"), ("signature", "signature"),
)  # fmt: skip

_TRAILERS = {
    "confirmation", "confirm", "confirmed", "repeat", "repeated", "again", "new", "old", "current",
    "hash", "value", "verify", "verification", "check", "plain", "text", "b64", "base64", "hex", "input",
    "raw", "string", "str",
}  # fmt: skip
_QUESTIONS = {
    "is", "has", "have", "can", "may", "show", "hide", "max", "min", "num", "total", "count", "supports",
    "use", "uses", "forgot", "no", "require", "requires", "required", "allow", "allows", "enable",
    "enabled", "disable", "with", "change", "autocomplete",
}  # fmt: skip

STEM = (
    rb"(?i:pas[sw]|contras|pwd|pw|token|jwt|[cx]srf|asser|saml|ticket|bearer|auth|credent|verif|sso|sess|sid|cookie"
    rb"|secret|key|hmac|sig|otp|mfa|pin|cv[vc]|tan|code|challenge)"
)
"""What every such name contains: an expression that finds candidates quickly."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+[a-z]+|[0-9]+")


@lru_cache(maxsize=8192)
def kind_of_name(name: str) -> str | None:
    """The kind of secret that a field, parameter, key or header of this name holds; None: no secret.

    The last word decides: ``access_token`` is one, ``token_type`` and ``tokens_used`` are not.  Case, camel
    case, ``-``, ``_``, ``.`` and ``[]`` are understood.
    """
    words = [word.lower() for word in _WORD.findall(name[:100])]
    if not words or words[0] in _QUESTIONS:
        return None
    while len(words) > 1 and (words[-1].isdigit() or words[-1] in _TRAILERS):
        words.pop()
    return _kind_of_words(words)


def _kind_of_words(words: list[str]) -> str | None:
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last in ("codes", "keys"):
        last = last[:-1]
    if last in ("id", "ids"):
        return "cookie" if before in ("session", "sess") else None
    if last == "key":
        return "key" if before in _KEY_BEFORE else None
    if last == "code":
        return "code" if before in _CODE_BEFORE else None
    if (before, last) in _VERIFIERS or (before, last) in _CHALLENGES:
        return "code"
    for word in (last, before + last):
        if word in _KINDS:
            return _KINDS[word]
    for ending, kind in _ENDINGS:
        if last.endswith(ending):
            return kind
    return None
