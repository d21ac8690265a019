"""A first policy.yaml, commented so that it teaches its own format."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fairwitness.model.policy import Posture
from fairwitness.model.verdict import ScopeList
from fairwitness.policy import draft_words as words
from fairwitness.policy.insert import yaml_text
from fairwitness.policy.known import ACTS_WITHOUT_SENTENCE, RULE_NAMES, default_action
from fairwitness.policy.reader import read_policy


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftAnswers:
    """What `init` asks; the defaults are the narrow answers."""

    name: str
    policy_url: str
    include: tuple[str, ...]
    """Scope entries; at least one."""
    contact: str | None = None
    reviewed: str | None = None
    """ISO date on which the program's page was read."""
    rewards: str | None = None
    posture: Posture = Posture.MANUAL
    scope_says: str | None = None
    """The program's sentence that lists its hosts."""
    exclude: tuple[str, ...] = ()
    load: tuple[str, ...] = ()
    tunnel: tuple[str, ...] = ()
    noise: tuple[str, ...] = ("preset:browser", "preset:analytics")
    mine: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    user_agent_suffix: str | None = None
    nonce_header: str | None = None
    rule_says: tuple[tuple[str, str], ...] = ()
    """Rule and the program's own sentence for it."""
    declare: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    rate: str | None = None
    """How fast automated tools may be where the program names a number, such as ``10/s``."""
    remarks: tuple[tuple[str, str], ...] = ()
    """Scope entry and where it is from, or what its source adds to it."""
    undecided: tuple[str, ...] = ()
    """Lines of the source that nobody but the researcher can place."""


_LONGEST_REMARK = 300  # characters


def draft_policy(answers: DraftAnswers) -> str:
    """The text of a commented policy that writes every key and every rule out.

    Raises:
        PolicyError: An answer cannot stand in a policy, such as an include that is empty.
    """
    text = "\n".join(
        (
            words.HEAD,
            "version: 1\n",
            _program(answers),
            f"{words.POSTURE}posture: {answers.posture}\n",
            _scope(answers),
            _identify(answers),
            _limits(answers),
            f"{words.WINDOW}window: null\n",
            _rules(answers),
            f"{words.APPROVALS}approvals: []\n",
            f"{words.DECLARE}declare: {_list(answers.declare)}\n",
            _report(answers),
        )
    )
    read_policy(text.encode("utf-8", "replace"), path="policy.yaml")
    return text


def _limits(answers: DraftAnswers) -> str:
    rate = answers.rate
    if rate:
        # What is left out is a default, and so a courtesy: the program named this one number.
        testing = f"    per_host: {{rate: {rate}}}\n    total: {{rate: {rate}}}"
        says = _value(f"Automated tooling: {rate.partition('/')[0]} requests per second")
    else:
        testing, says = _TESTING, "null"
    return f"""{words.LIMITS}limits:
  testing:
{testing}
  browsing:
    per_host: {{rate: 50/s, burst: 200}}
  request_body: 1 MiB # the largest upload of unknown length
  on_exceed: throttle # warn, throttle or block
  says: {says}
"""


_TESTING = """\
    per_host: {rate: 5/s, burst: 30, concurrent: 10}
    per_endpoint: {rate: 60/min}
    total: {rate: 10/s, burst: 60, requests: 20000/day}"""


def _program(answers: DraftAnswers) -> str:
    return f"""program:
  name: {_value(answers.name)}
  policy_url: {_value(answers.policy_url)}
  contact: {_value(answers.contact)}
  reviewed: {_value(answers.reviewed)} # the day you last read the page above
  review_every: 30 days
  rewards: {_value(answers.rewards)}
"""


def _scope(answers: DraftAnswers) -> str:
    lines = [f"{words.SCOPE}scope:", f"  says: {_value(answers.scope_says)}"]
    remarks = dict(answers.remarks)
    for name, entries in (
        (ScopeList.INCLUDE, answers.include),
        (ScopeList.EXCLUDE, answers.exclude),
        (ScopeList.LOAD, answers.load),
        (ScopeList.TUNNEL, answers.tunnel),
        (ScopeList.NOISE, answers.noise),
        (ScopeList.MINE, answers.mine),
    ):
        about = words.LISTS[name.value]
        if entries:
            lines.append(f"  {name.value}: # {about}")
            lines.extend(f"    - {_value(entry)}{_remark(remarks.get(entry))}" for entry in entries)
        else:
            lines.append(f"  {name.value}: [] # {about}")
    if answers.undecided:
        lines.append(words.UNDECIDED.rstrip("\n"))
        lines.extend(f"  # ?{_remark(each).removeprefix(' #')}" for each in answers.undecided)
    return "\n".join(lines) + "\n"


def _remark(text: str | None) -> str:
    """A comment: one line of characters that YAML and a terminal take."""
    if not text:
        return ""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return f" # {line if len(line) <= _LONGEST_REMARK else line[: _LONGEST_REMARK - 3] + '...'}"


def _identify(answers: DraftAnswers) -> str:
    lines = [f"{words.IDENTIFY}identify:"]
    if answers.headers:
        lines.append("  headers:")
        lines.extend(f"    {_value(name)}: {_value(value)}" for name, value in answers.headers)
    else:
        lines.append("  headers: {} # X-Bug-Bounty: your-handle")
    lines.append(f"  user_agent_suffix: {_value(answers.user_agent_suffix)}")
    lines.append(
        f"  nonce_header: {_value(answers.nonce_header)} # a random value a request, to be found in their log"
    )
    return "\n".join(lines) + "\n"


def _rules(answers: DraftAnswers) -> str:
    says = dict(answers.rule_says)
    lines = [f"{words.RULES}rules:"]
    for rule in RULE_NAMES:
        action = default_action(rule, answers.posture)
        sentence = says.get(rule)
        # Written as it would act, so that nobody believes in a block that only warns.
        if sentence is None and rule not in ACTS_WITHOUT_SENTENCE and action.word != "allow":
            action_word = "warn"
        else:
            action_word = "log" if action.word == "allow" else action.word
        lines.append(f"  {rule}: # {words.RULE_ABOUT[rule]}")
        lines.append(f"    action: {action_word}")
        lines.append(f"    says: {_value(sentence)}")
    return "\n".join(lines) + "\n"


def _report(answers: DraftAnswers) -> str:
    return f"""{words.REPORT}report:
  fields: [description, steps, proof_of_concept, impact, affected]
  one_finding_per_report: true
  excluded: {_list(answers.excluded)}
  confidential: true
"""


def _list(items: Iterable[str]) -> str:
    return f"[{', '.join(map(_value, items))}]"


def _value(text: str | None) -> str:
    return "null" if text is None else yaml_text(text)
