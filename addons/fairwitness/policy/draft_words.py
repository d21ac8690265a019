"""The words of a fresh policy.yaml: what each key is for, told to whoever reads it first."""

from __future__ import annotations

RULE_ABOUT = {
    "request-rate": "how many requests a second; its numbers stand under limits",
    "concurrency": "how many requests at the same time; its numbers stand under limits",
    "budget": "how many requests a day; its number stands under limits",
    "server-distress": "the server shows signs of trouble after your traffic",
    "heavy-request": "one request that costs the server very much",
    "automated-scanner": "a scanner, by its name or by how it behaves",
    "content-discovery": "guessing paths that no page links",
    "brute-force": "guessing passwords or codes",
    "enumeration": "walking through ids or names that are not yours",
    "destructive-request": "deleting what may not be yours",
    "data-alteration": "changing what may not be yours",
    "foreign-account": "an account that is not one of yours",
    "foreign-credential": "a credential that was never issued to you",
    "personal-data": "other people's data in a response; bodies: shape keeps only its form in the log",
    "bulk-download": "many records that are not yours",
    "spam": "invitations, forms, mails, comments",
    "public-payload": "a payload placed where other users see it",
    "third-party-attack": "an attack on a host that is only loaded",
    "paid-action": "buying something",
    "missing-identification": "a request without what `identify` promises",
    "left-behind": "things you created and did not delete again",
    "excluded-finding": "a finding of a class that the program does not want",
    "mixed-report": "several findings in one report",
    "window": "a request outside the permitted dates",
    "stale-policy": "you have not read the program's page for a while",
}

HEAD = """\
# The rules of engagement of one program, as fairwitness keeps them.
# Check it with `fairwitness check`; ask it with `fairwitness explain URL`.
# Anything that is not listed under scope is blocked before a packet leaves.
"""

POSTURE = """\
# manual: you are there. tools: a tool runs, with an approval. unattended: nobody is there, so hold is block.
"""

SCOPE = """\
# Hosts: example.com is that host alone, on ports 80 and 443. "*.example.com" (in quotes) is every name
# below it, not example.com itself. example.com:8443, example.com:*, https://example.com/app/ and 192.0.2.0/28
# work too.
# The most specific entry of all lists decides.
"""

LISTS = {
    "include": "may be tested; nothing else may",
    "exclude": "must not be touched, though include covers it",
    "load": "needed to load pages, never to be tested: bodies and credentials are not kept",
    "tunnel": "sign-in, captcha, payment: never decrypted, content not observed",
    "noise": "refused quietly, counted",
    "mine": "your own call-back host or server",
}

UNDECIDED = """\
  # These lines of the source need your decision: in no list, so blocked unless an entry above covers them.
"""

IDENTIFY = """\
# Added to requests in scope, never to others.
"""

LIMITS = """\
# Left out = these defaults. With the program's sentence in `says` they are its limits, without it a courtesy.
# testing: what you and your tools ask for. browsing: what a page in scope asked for by itself.
"""

WINDOW = """\
# {from: 2026-11-01, until: 2026-12-31}: outside of these days (UTC) everything is blocked.
"""

RULES = """\
# What each rule does when it is sure: log, warn, throttle, hold (asks you), block, halt.
# `says` is the program's own sentence. Without it a rule may at most warn.
"""

APPROVALS = """\
# What was allowed in writing: {rule: automated-scanner, by: security@example.com, date: 2026-11-23,
#   until: 2026-12-31, hosts: [api.example.com], text: "You may run nuclei.", file: mail.eml}
"""

DECLARE = """\
# Rules that no proxy can see; you are asked once a session.
"""

REPORT = """\
# What a report must have; excluded: classes of findings that the program does not want.
"""
