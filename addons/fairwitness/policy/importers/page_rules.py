"""Which rule of engagement a sentence of a program's page states."""

from __future__ import annotations

import re
from collections.abc import Iterable

# rule: what its sentences talk of.  The first sentence that does is taken, word for word.
_ABOUT = {
    "request-rate": r"\b(?:rate limit|requests? per (?:second|minute)|req/s|never disrupt|disrupt our)",
    "concurrency": r"\b(?:concurren|never disrupt|denial[ -]of[ -]service|\bDoS\b)",
    "budget": r"\b(?:requests? (?:per|a) day|never disrupt|denial[ -]of[ -]service|\bDoS\b)",
    "server-distress": r"\b(?:never disrupt|disrupt|degrad|denial[ -]of[ -]service|\bDoS\b)",
    "heavy-request": r"\b(?:resource exhaustion|denial[ -]of[ -]service|\bDoS\b|overload)",
    "automated-scanner": r"\b(?:automated|scanners?|scanning)\b",
    "content-discovery": r"\b(?:automated|scanners?|scanning|director(?:y|ies) (?:brute|enumerat)|fuzzing)\b",
    "brute-force": r"\bbrute[ -]?forc",
    "enumeration": r"\b(?:enumerat|privacy violations?|privacy of)",
    "destructive-request": r"\b(?:destr(?:oy|uction)|delet(?:e|ing|ion)) .{0,40}\b(?:data|account)",
    "data-alteration": r"\b(?:alter|modif(?:y|ication)|chang(?:e|ing)) .{0,40}\bdata\b|destroy or alter",
    "foreign-account": r"\b(?:accounts? .{0,30}you (?:control|own)|test accounts?|your own accounts?"
    r"|other users'? accounts?)",
    "foreign-credential": r"\b(?:stolen|leaked|someone else's|other (?:people|users)'?s?) credential",
    "personal-data": r"\b(?:privacy violations?|personal(?:ly identifiable)? (?:data|information)|\bPII\b)",
    "bulk-download": r"\b(?:exfiltrat|privacy violations?|download(?:ing)? .{0,20}data)",
    "spam": r"\bspam",
    "public-payload": r"\b(?:other users|other customers)\b",
    "third-party-attack": r"\b(?:third[- ]party)\b",
    "paid-action": r"\b(?:free accounts?|purchas|paid (?:plans?|features?))",
    "left-behind": r"\b(?:clean up|remove .{0,20}(?:test|created)|destroy or alter)",
    "excluded-finding": r"\b(?:best practices?|without impact|informational)",
    "mixed-report": r"\b(?:one|single) vulnerability per report|\bseparate reports?",
}
_RULES = {rule: re.compile(words, re.IGNORECASE) for rule, words in _ABOUT.items()}
_DECLARED = {
    "no-social-engineering": re.compile(r"\bsocial[ -]engineering|\bphishing", re.IGNORECASE),
    "no-physical-attacks": re.compile(r"\bphysical (?:attack|access|security)", re.IGNORECASE),
    "no-public-disclosure": re.compile(r"\bnot (?:publicly )?disclos|\bdisclose publicly", re.IGNORECASE),
}
_EXCLUDED = {
    "clickjacking": re.compile(r"\bclick[- ]?jacking", re.IGNORECASE),
    "spf-dkim-dmarc": re.compile(r"\b(?:SPF|DKIM|DMARC)\b"),
    "best-practice-without-impact": re.compile(r"\bbest[- ]practices?|\binformational", re.IGNORECASE),
    "self-xss": re.compile(r"\bself[- ]XSS", re.IGNORECASE),
    "missing-security-headers": re.compile(r"\bmissing .{0,30}\bheaders?", re.IGNORECASE),
    "rate-limiting": re.compile(r"\brate[- ]limit", re.IGNORECASE),
    "csrf-low-impact": re.compile(r"\bCSRF\b"),
    "version-disclosure": re.compile(r"\bversion .{0,20}disclos|banner", re.IGNORECASE),
    "open-redirect": re.compile(r"\bopen redirect", re.IGNORECASE),
    "tls-configuration": re.compile(r"\b(?:SSL|TLS)\b.{0,30}(?:config|cipher|best|weak)", re.IGNORECASE),
}
_FORBIDS = re.compile(
    r"\b(?:no|not|never|don't|avoid|without|only|must|prohibited|forbidden|out[- ]of[- ]scope|please)\b"
    r"|\b(?:refrain|one|single)\b"
    r"|\battacks?\b|\bissues?\b|\bexhaustion\b|\bsufficient\b",
    re.IGNORECASE,
)


def rule_says(sentences: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Rule and sentence, for each rule that a sentence states."""
    listed = [sentence for sentence in sentences if _FORBIDS.search(sentence)]
    found = []
    for rule, words in _RULES.items():
        stating = [sentence for sentence in listed if words.search(sentence)]
        if stating:
            found.append((rule, min(stating, key=len)))
    return tuple(found)


def declared_by(sentences: Iterable[str]) -> tuple[str, ...]:
    """Rules that no proxy can see, which these sentences state."""
    listed = list(sentences)
    return tuple(name for name, words in _DECLARED.items() if any(map(words.search, listed)))


def excluded_by(sentences: Iterable[str]) -> tuple[str, ...]:
    """Classes of findings that these exclusions name."""
    listed = list(sentences)
    return tuple(name for name, words in _EXCLUDED.items() if any(map(words.search, listed)))
