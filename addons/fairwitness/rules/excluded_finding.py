"""excluded-finding: a finding of a class that the program does not want to read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fairwitness.model.finding import Finding
from fairwitness.model.record import ExchangeRow
from fairwitness.rules.report_rule import ReportRule

_SAYS_WHAT = frozenset(
    ["category", "class", "cwe", "description", "kind", "summary", "tag", "tags", "title", "type"]
)
_BEGINS = 600  # characters of a text that say what it is about; what follows may compare it with others
_SMALL = frozenset(
    "a an and attack attacks for in issue issues of on other the to with without".split()  # noqa: SIM905
)
_NOT = frozenset(["never", "no", "not"])  # before a word that is named because it does not apply
_GAP = 1  # words that may stand between two of a class that has more than two
_ALSO = {  # other names of classes that many programs exclude, as `_words` has them
    "best practice impact": ("best practice", "informational"),
    "brute force": ("bruteforce", "credential stuffing"),
    "clickjacking": ("ui redressing",),
    "denial service": ("dos", "ddos", "resource exhaustion"),
    "mitm": ("man middle",),
    "social engineering": ("phishing", "vishing"),
    "spf dkim dmarc": ("spf", "dkim", "dmarc"),
}


class ExcludedFinding(ReportRule):
    """Compares the words of a class with what the finding says that it is: its name and its description.

    Steps and impact are not looked at: they speak of many things.
    """

    name = "excluded-finding"
    summary = "a finding of a class that the program does not want"
    advice = "Report it only where you can show an impact that the program has not ruled out."

    def look(self, finding: Finding, rows: Sequence[ExchangeRow]) -> Iterator[str]:  # noqa: ARG002
        """Look for each class under `report.excluded`."""
        texts = [finding.name, *(text[:_BEGINS] for name, text in finding.fields if name in _SAYS_WHAT)]
        said = [_words(text) for text in texts]
        for excluded in self.policy.report.excluded:
            if any(_speaks_of(words, each) for each in said for words in _names(excluded)):
                yield f"the program does not accept reports of {excluded} (report.excluded)"


def _names(excluded: str) -> Iterator[list[str]]:
    """The ways to call a class: ``mitm-or-stolen-credentials`` is either of the two."""
    for part in re.split(r"[\s_-]+or[\s_-]+|[,;]", excluded[:200].casefold()):
        words = _words(part)
        if words:
            yield words
            yield from (each.split() for each in _ALSO.get(" ".join(words), ()))


def _words(text: str) -> list[str]:
    found = re.findall(r"[^\W_]+", text.casefold())
    return [_singular(word) for word in found if word not in _SMALL]


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _speaks_of(wanted: list[str], said: list[str]) -> bool:
    """Whether the wanted words stand there in their order, close to each other."""
    gap = _GAP if len(wanted) > 2 else 0
    for start, word in enumerate(said):
        if word != wanted[0] or (start and said[start - 1] in _NOT):
            continue
        at = start
        for each in wanted[1:]:
            near = said[at + 1 : at + 2 + gap]
            if each not in near:
                break
            at += 1 + near.index(each)
        else:
            return True
    return False
