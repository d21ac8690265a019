"""The `rules` block: one line per rule of engagement."""

from __future__ import annotations

from yaml.nodes import Node

from fairwitness.model.policy import Limits, Posture, RuleLine
from fairwitness.model.verdict import Action, Clause
from fairwitness.policy.blocks import Block, scalar
from fairwitness.policy.known import (
    ACTION_WORDS,
    KEYS,
    LIMIT_RULES,
    RULE_NAMES,
    RULE_OPTIONS,
    default_action,
    effective_action,
    unattended_action,
)


def read_rules(block: Block | None, *, posture: Posture, limits: Limits) -> tuple[RuleLine, ...]:
    """One line per rule; those not written out act by their default, at most warning."""
    written = dict(block) if block else {}
    return tuple(
        _read_rule(block, rule, written[rule], posture, limits)
        if block and rule in written
        else _unwritten(rule, posture, limits)
        for rule in RULE_NAMES
    )


def _unwritten(rule: str, posture: Posture, limits: Limits) -> RuleLine:
    clause = Clause(f"default:{rule}", None, "-")
    if rule in LIMIT_RULES:
        # Who wrote `limits` wrote this rule's line: its numbers, its sentence and its action.
        return RuleLine(rule, limits.on_exceed, limits.clause if limits.clause.where != "-" else clause)
    wanted = default_action(rule, posture)
    return RuleLine(rule, effective_action(rule, wanted, has_sentence=False), clause)


def _read_rule(block: Block, rule: str, node: Node, posture: Posture, limits: Limits) -> RuleLine:
    options = RULE_OPTIONS.get(rule, {})
    line = Block(block.source, node, name=f"rules.{rule}", known=(*KEYS["rule"], *options))
    clause = Clause(f"rules.{rule}", line.text("says"), block.source.line(block.key(rule)))
    fallback = limits.on_exceed if rule in LIMIT_RULES else default_action(rule, posture)
    asked = read_action(line)
    wanted = fallback if asked is None else unattended_action(asked, posture)
    return RuleLine(
        rule,
        effective_action(rule, wanted, has_sentence=clause.says is not None),
        clause,
        tuple((key, _read_option(line, key, values)) for key, values in options.items() if key in line),
        wanted=wanted,
    )


def read_action(line: Block) -> Action | None:
    """What the line's `action` says; None where it is left out."""
    word = line.text("action")
    if word is None:
        return None
    if word not in ACTION_WORDS:
        raise line.source.error(
            line.value("action"),
            f"{line.full('action')} is none of the actions",
            f"Write one of: {', '.join(ACTION_WORDS)}",
        )
    return ACTION_WORDS[word]


def _read_option(line: Block, key: str, values: tuple[str, ...]) -> str:
    word = scalar(line.source, line.value(key), line.full(key))
    if word not in values:
        raise line.source.error(
            line.value(key), f"{line.full(key)} has no such value", f"Write one of: {', '.join(values)}"
        )
    return word
