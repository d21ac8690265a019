"""policy.yaml, read: every error names line, column, what is wrong and how to mend it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from yaml.nodes import Node

from fairwitness.errors import PolicyError
from fairwitness.model.policy import Approval, Policy, Posture, Program, Report, Window
from fairwitness.model.verdict import Clause
from fairwitness.policy.blocks import Block, scalar
from fairwitness.policy.entries import parse_entry
from fairwitness.policy.known import KEYS, RULE_NAMES
from fairwitness.policy.read_identify import read_identify
from fairwitness.policy.read_limits import read_limits
from fairwitness.policy.read_rules import read_rules
from fairwitness.policy.read_scope import read_scope
from fairwitness.policy.source import MAX_BYTES, Source, quoted
from fairwitness.policy.units import day_end_us, day_start_us, parse_day, parse_days

_URL = re.compile(r"https?://[^\s/]\S*")
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_REVIEW_EVERY_DAYS = 30
_DATE = "Write it as 2026-11-23"


def load_policy(path: Path) -> Policy:
    """Read a policy file.

    Raises:
        PolicyError: It cannot be opened, or is no usable policy.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)  # one more than allowed, so that too much is noticed
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise PolicyError(
            f"the policy cannot be read ({why})",
            where=str(path),
            mend="Name a policy with --policy, or make one with `fairwitness init`",
        ) from None
    return read_policy(text, path=str(path))


def read_policy(text: bytes, *, path: str) -> Policy:
    """Read a policy's text.

    Args:
        text: The file's bytes, as they go into the log.
        path: Its name; for messages and for the lines that clauses name.

    Raises:
        PolicyError: It is no usable policy.
    """
    source = Source(text, path=path)
    top = Block(source, source.root, name="", known=KEYS[""])
    _check_version(top)
    posture = _read_posture(top)
    scope = _needed_block(top, "scope")
    limits_block = top.block("limits", KEYS["limits"])
    limits = read_limits(limits_block, _clause(top, "limits", limits_block))
    identify_block = top.block("identify", KEYS["identify"])
    return Policy(
        program=_read_program(_needed_block(top, "program")),
        posture=posture,
        entries=read_scope(scope),
        identify=read_identify(identify_block, _clause(top, "identify", identify_block)),
        limits=limits,
        window=_read_window(top),
        rules=read_rules(top.block("rules", RULE_NAMES), posture=posture, limits=limits),
        approvals=tuple(
            _read_approval(source, place, node) for place, node in enumerate(top.items("approvals"))
        ),
        declare=top.texts("declare"),
        report=_read_report(top.block("report", KEYS["report"])),
        text=text,
        sha256=hashlib.sha256(text).hexdigest(),
        path=path,
    )


def _needed_block(top: Block, key: str) -> Block:
    block = top.block(key, KEYS[key])
    if block is None:
        place = top.key(key) if top.is_written(key) else top.node
        raise top.source.error(place, f"{key} is missing", f"Write '{key}:' with its keys below it")
    return block


def _clause(top: Block, key: str, block: Block | None) -> Clause:
    if block is None:
        return Clause(f"default:{key}", None, "-")
    return Clause(key, block.text("says"), top.source.line(top.key(key)))


def _check_version(top: Block) -> None:
    version = top.needed("version")
    if version != "1":
        raise top.source.error(
            top.value("version"), f"version {quoted(version)} is not known", "Write 'version: 1'"
        )


def _read_posture(top: Block) -> Posture:
    word = top.text("posture")
    if word is None:
        return Posture.MANUAL
    if word not in list(Posture):
        raise top.source.error(
            top.value("posture"),
            f"posture {quoted(word)} is not known",
            f"Write one of: {', '.join(Posture)}",
        )
    return Posture(word)


def _read_program(block: Block) -> Program:
    url = block.needed("policy_url")
    if not _URL.fullmatch(url):
        raise block.source.error(
            block.value("policy_url"), "program.policy_url is no web address", "Write it as https://..."
        )
    reviewed = block.read("reviewed", parse_day, _DATE)
    every = block.read("review_every", parse_days, "Write it as 30 days")
    return Program(
        name=block.needed("name"),
        policy_url=url,
        contact=block.text("contact"),
        reviewed=reviewed.isoformat() if reviewed else None,
        review_every_days=every or _REVIEW_EVERY_DAYS,
        rewards=block.text("rewards"),
    )


def _read_window(top: Block) -> Window | None:
    block = top.block("window", KEYS["window"])
    if block is None:
        return None
    first = block.read("from", parse_day, _DATE)
    last = block.read("until", parse_day, _DATE)
    if first is None and last is None:
        raise top.source.error(
            block.node, "window names no date", "Write from, until or both, or window: null"
        )
    if first and last and last < first:
        raise top.source.error(block.value("until"), "window ends before it begins", "Exchange the two dates")
    return Window(
        day_start_us(first) if first else None,
        day_end_us(last) if last else None,
        _clause(top, "window", block),
    )


def _read_approval(source: Source, place: int, node: Node) -> Approval:
    block = Block(source, node, name=f"approvals[{place}]", known=KEYS["approval"])
    rule = block.needed("rule")
    if rule not in RULE_NAMES:
        raise source.error(
            block.value("rule"), f"there is no rule {quoted(rule)}", f"Write one of: {', '.join(RULE_NAMES)}"
        )
    block.needed("date")
    given = block.read("date", parse_day, _DATE)
    until = block.read("until", parse_day, _DATE)
    assert given is not None
    return Approval(
        rule=rule,
        by=block.needed("by"),
        date=given.isoformat(),
        until_us=day_end_us(until) if until else None,
        hosts=tuple(_read_host(source, item) for item in block.items("hosts")),
        text=block.needed("text"),
        file=block.text("file"),
        clause=Clause(f"approvals[{place}]", block.text("text"), source.line(node)),
    )


def _read_host(source: Source, node: Node) -> str:
    """A host that an approval names: canonical, possibly with stars, without port or path."""
    text = scalar(source, node, "a host of an approval")
    try:
        entry = parse_entry(text)
    except PolicyError as error:
        raise source.error(node, error.what, error.mend) from None
    if entry.scheme or entry.names_port or entry.ports is None or not (entry.host or entry.network):
        raise source.error(node, "an approval names hosts only", "Leave out scheme, port, path and preset:")
    return entry.host or str(entry.network)


def _read_report(block: Block | None) -> Report:
    if block is None:
        return Report(one_finding_per_report=True, confidential=True)
    fields = block.texts("fields") if "fields" in block else Report().fields
    for node, name in zip(block.items("fields"), fields, strict=False):
        if not _SLUG.fullmatch(name):
            raise block.source.error(
                node, f"report.fields: {quoted(name)} is no name of a field", "Write it as proof_of_concept"
            )
    return Report(
        fields=fields,
        one_finding_per_report=block.flag("one_finding_per_report", default=True),
        excluded=block.texts("excluded"),
        confidential=block.flag("confidential", default=True),
    )
