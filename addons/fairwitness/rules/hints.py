"""What targets and bodies hint at: one look for all the rules that would each search them by themselves."""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache

from fairwitness.detect.secret import occurring

_SHORT = 4096  # bytes: longer texts are not remembered
_REMEMBERED = 512


class Hint(IntEnum):
    """Why somebody should look closer."""

    DESTROYS = 0
    GUESSES = 1
    RESETS = 2
    PAYS = 3
    POSTS = 4
    PUBLISHES = 5
    CALLS_BACK = 6
    CODES = 7


_found_in = occurring(
    {
        Hint.DESTROYS: rb"(?i)delete|destroy|remove|purge|trash|wipe|erase|truncat|terminat|drop|_method",
        Hint.GUESSES: rb"(?i)pass|pwd|kennwort|otp|2fa|mfa|code|pin|token|coupon|voucher|promo|giftc|key"
        rb"|methodcall|answer|\"params\"|\"args\"",
        Hint.RESETS: rb"(?i)reset|recover|activat|verif|confirm|invit|magic",
        Hint.PAYS: rb"(?i)buy|purchas|checkout|pay|upgrad|subscri|order|billing|plan|trial|member|premium"
        rb"|graphql|rpc|licen[cs]e|topup|deposit",
        Hint.POSTS: rb"(?i)comment|reply|replies|review|guestbook|contact|kontakt|feedback|support"
        rb"|help-?_?desk|ticket|enquir|inquir|invit|register|registr|sign-?_?up|create-?_?account|newsletter"
        rb"|subscri|waitlist|mail|sms|share|friend|thread|topic|discussion|forgot|reset|recover|lost|magic|resend|graphql|rpc"
        rb"|message|chat|conversation|phone|mobile",
        Hint.PUBLISHES: rb"(?i)comment|reply|replies|review|post|thread|topic|forum|guestbook|answer|question"
        rb"|article|blog|wiki|message-?_?board|discussion|public|listing|announcement|status|graphql|wall"
        rb"|testimonial",
        Hint.CODES: rb"(?i)gift|coupon|voucher|promo|discount|redeem|licen[cs]e|api[_-]?key|invit",
        Hint.CALLS_BACK: rb"interact\.sh|oast\.|burpcollaborator|oastify\.com|xss\.ht|dnslog\.|canarytokens",
    }
)


def hints_in(text: bytes) -> frozenset[int]:
    """All that a text hints at; the rules of a request ask about its target and its body."""
    return _remembered(text) if len(text) <= _SHORT else _found_in(text)


@lru_cache(maxsize=_REMEMBERED)
def _remembered(text: bytes) -> frozenset[int]:
    return _found_in(text)
