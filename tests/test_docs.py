"""The documents say what is so: links, names, commands, headings, and code that runs."""

from __future__ import annotations

import re
import textwrap
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from fairwitness.audit import SOURCES, InOrder, open_recording, source_of
from fairwitness.cli.main import COMMANDS, program
from fairwitness.evidence import Log
from fairwitness.export.testing import make_record, shown, written
from fairwitness.model.policy import Program
from fairwitness.model.recording import Recorded, Skipped
from fairwitness.policy import RULE_NAMES, read_policy
from fairwitness.policy.presets import read_preset
from fairwitness.rules import REPORT_RULES, RULES
from fairwitness.rules.testing import NOON_US, make_policy, make_request
from fairwitness.witness.audit import audit

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "addons" / "fairwitness"
PAGES = [ROOT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md")]
PAGES += sorted((ROOT / "docs").glob("**/*.md"))
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
RECIPES = {"sessions"}  # docs/adding.md shows how to make it
ORDER = ["Security", "Removed", "Deprecated", "Added", "Changed", "Fixed"]
FORBIDDEN = {
    "a session is never called clean: no flag proves nothing": r"\bclean\b",
    "words that promise too much": r"forensically sound|court-proof|tamper-proof|\bimmutable\b",
    "paths of one machine": r"(?<![\w.~])/(?:work|root|home|tmp)/",
    "addresses of package indexes": r"https?://[^\s)]*(?:/simple\b|pypi|artifactory|nexus)",
}

each_page = pytest.mark.parametrize("page", PAGES, ids=NAMES)


def _text(*parts: str) -> str:
    return ROOT.joinpath(*parts).read_text("utf-8")


def _prose(text: str) -> str:
    """Without fenced blocks, whose brackets and ticks are no Markdown."""
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE)


def _anchors(text: str) -> set[str]:
    """What a forge makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", _prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def _blocks(text: str, *languages: str) -> Iterator[str]:
    for language, body in re.findall(r"^ *```(\w+)\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE):
        if language in languages:
            yield textwrap.dedent(body)


def _named_block(name: str) -> str:
    """The fenced block under ``<!-- NAME -->`` in docs/adding.md."""
    found = re.search(rf"<!-- {name} -->\n *```\w+\n(.*?)^ *```$", _text("docs", "adding.md"), re.S | re.M)
    assert found, name
    return textwrap.dedent(found[1])


def _run(name: str) -> dict[str, Any]:
    scope: dict[str, Any] = {"__name__": f"docs_{name}"}
    exec(compile(_named_block(name), f"docs/adding.md:{name}", "exec", dont_inherit=True), scope)
    return scope


@each_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """Files and folders exist, and the headings that are linked to."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", _prose(page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        aim = (page.parent / path).resolve() if path else page
        leads = aim.exists() and aim.is_relative_to(ROOT)
        if not leads or (anchor and anchor not in _anchors(aim.read_text("utf-8"))):
            broken.append(target)

    assert [] == broken


@each_page
def test_every_file_that_is_named_is_there(page: Path) -> None:
    """A path in back ticks is one of the checkout or of the package."""
    named = re.findall(
        r"`([\w./-]+/[\w.-]+\.(?:py|yaml|txt|md|toml)|(?:scripts|tests)/[\w/]+)`",
        _prose(page.read_text("utf-8")),
    )
    shown = _text("docs", "adding.md")  # its recipes make these
    made = {"rules/forged_address.py", "policy/shipped/NAME.txt", "tests/rules/test_forged_address.py"}
    made |= {"export/urls.py", "tests/export/test_urls.py"}
    made |= {f"tests/rules/samples/forged-address.{kind}.yaml" for kind in ("must-flag", "must-not-flag")}

    assert [] == [each for each in made if each not in shown]
    assert [] == [
        each for each in named if each not in made and not any((at / each).exists() for at in (ROOT, PACKAGE))
    ]


@pytest.mark.parametrize("why", FORBIDDEN)
@each_page
def test_no_page_says_what_must_not_be_said(page: Path, why: str) -> None:
    """No promise that cannot be kept, nothing of one machine."""
    assert [] == re.findall(FORBIDDEN[why], page.read_text("utf-8"), re.IGNORECASE)


def _command_lines() -> Iterator[tuple[str, list[str]]]:
    """Each command line that a page shows, with its words."""
    for page in PAGES:
        text = page.read_text("utf-8")
        lines = [line for block in _blocks(text, "sh") for line in block.splitlines()]
        lines += [
            line[2:] for block in _blocks(text, "console") for line in block.splitlines() if line[:2] == "$ "
        ]
        lines += re.findall(r"`(fairwitness [^`]+)`", _prose(text))
        for line in lines:
            if line.startswith("fairwitness "):
                yield line, line.split(" -- ")[0].split()[1:]


def test_every_command_line_in_the_documents_is_one() -> None:
    """What a page tells to type names a command that exists, with options that it has."""
    context = click.Context(program)
    wrong = []
    for line, words in _command_lines():
        if words[0].startswith("-") or words[0] in RECIPES:
            continue
        command = program.get_command(context, words[0])
        if isinstance(command, click.Group):
            command = command.commands.get(words[1]) if len(words) > 1 else command
        options = {name for each in command.params for name in each.opts} if command else set()
        given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        if command is None or given - options - {"--help"}:
            wrong.append(line)

    assert [] == wrong


def test_documents_tell_command_lines() -> None:
    """The test above has something to look at."""
    named = {words[0] for _, words in _command_lines()}

    assert {"init", "check", "run", "exec", "browser", "wanted", "allow", "log", "show"} <= named


def test_readme_leads_to_every_page_and_room() -> None:
    """Nobody has to guess where something is told."""
    readme = _text("README.md")
    pages = {name for name in NAMES if name != "README.md"}
    rooms = {f"addons/fairwitness/{each.parent.name}" for each in PACKAGE.glob("*/__init__.py")}
    empty = {"addons/fairwitness/detect"}

    assert set() == {each for each in (pages | rooms) - empty if f"]({each})" not in readme}


def test_architecture_has_a_row_for_every_room() -> None:
    """In the table of rooms, and in the contracts of who may import whom."""
    rooms = {each.parent.name for each in PACKAGE.glob("*/__init__.py")}
    page = _text("docs", "architecture.md")
    contracts = tomllib.loads(_text("pyproject.toml"))["tool"]["importlinter"]["contracts"]

    assert set() == {room for room in rooms if not re.search(rf"^\| `{room}/`", page, re.MULTILINE)}
    assert set() == {room for room in rooms - {"testing"} if f"fairwitness.{room}" not in str(contracts)}


def test_what_is_judged_is_what_the_documents_say() -> None:
    """Nobody believes in a rule that no code watches."""
    headings = set(re.findall(r"^## ([a-z-]+)$", _text("docs", "rules.md"), re.MULTILINE))
    page = " ".join(_text("docs", "what-it-does-not-do.md").split())

    assert {rule.name for rule in (*RULES, *REPORT_RULES)} == headings & set(RULE_NAMES)
    assert f"can name {len(RULE_NAMES)} rules" in page
    assert set(RULE_NAMES) <= headings


def test_changelog_keeps_its_form() -> None:
    """Its sections are those of Keep a Changelog, in our order."""
    versions = re.split(r"^## ", _text("CHANGELOG.md"), flags=re.MULTILINE)[1:]
    sections = [re.findall(r"^### (.+)$", each, re.MULTILINE) for each in versions]

    assert versions[0].startswith("Unreleased\n")
    assert sections == [[name for name in ORDER if name in each] for each in sections]


def test_pictures_are_small() -> None:
    """A clone is not slow because of a picture."""
    pictures = list((ROOT / "docs" / "img").iterdir())

    assert pictures
    assert [] == [each.name for each in pictures if each.stat().st_size > 150_000]


def test_the_recipe_of_a_rule_flags() -> None:
    """The rule in docs/adding.md sees the loopback's address, and no other."""
    rule = _run("rule")["ForgedAddress"](make_policy())
    asked = {
        claimed: make_request(headers=((b"x-forwarded-for", claimed),))
        for claimed in (b"127.0.0.1", b"192.0.2.1")
    }

    assert [1, 0] == [len(list(rule.on_request(each))) for each in asked.values()]
    assert [] == list(rule.on_request(make_request()))


def test_the_recipe_of_a_sample_is_flagged() -> None:
    """Its policy is sound, and its request is one that the rule sees."""
    sample = yaml.safe_load(_named_block("sample"))
    rule = _run("rule")["ForgedAddress"](make_policy())
    head = {"program": {"name": "x", "policy_url": "https://x.test/"}, "scope": {"include": ["x.test"]}}
    read_policy(yaml.safe_dump({"version": 1, **head, **sample["policy"]}).encode(), path="policy.yaml")
    line = sample["exchanges"][0]
    headers = tuple((name.encode(), value.encode()) for name, value in line["headers"].items())
    request = make_request(line["request"].split(" ")[1], headers=headers)

    assert 1 == len(list(rule.on_request(request)))


def test_the_recipe_of_a_preset_is_one() -> None:
    """The data file in docs/adding.md has kind, source, licence and hosts."""
    assert 2 == len(read_preset("example", _named_block("preset")).entries)


def test_the_recipe_of_a_command_lists(tmp_path: Path) -> None:
    """The command in docs/adding.md reads a real log."""
    log = Log.open(
        tmp_path / "evidence", program=Program(name="Shop", policy_url="https://x.test/"), now_us=NOON_US
    )
    log.append_session([("mode", "test")], time_us=NOON_US)
    log.close(time_us=NOON_US + 1)
    shown = CliRunner().invoke(_run("command")["sessions"], ["--evidence", str(tmp_path / "evidence")])

    assert (0, ["session", "started"]) == (shown.exit_code, shown.output.split()[:2])
    assert shown.output.splitlines()[1].split()[:2] == ["1", "2026-11-24"]


def test_the_recipe_of_a_source_is_judged(tmp_path: Path) -> None:
    """The reader in docs/adding.md recognises its lines, and gives exchanges that can be judged."""
    file = tmp_path / "gateway.log"
    line = b"2026-11-24T10:11:12.%dZ GET https://shop.example.com/%d 200\n"
    file.write_bytes(b"".join(line % (at, at) for at in (3, 2, 1)) + b"2026-13-44 odd\n")
    gateway = _run("source")["GATEWAY"]
    with open_recording(file) as opened, InOrder(file.name) as order:
        items = list(source_of(opened, [*SOURCES, gateway], name=file.name).read(opened))
        for item in items:
            if isinstance(item, Recorded):
                order.add(item)
        audited = audit(order, make_policy())

    assert [Skipped("line that is no request")] == [each for each in items if isinstance(each, Skipped)]
    assert (3, 200_000) == (audited.exchanges, (audited.last_us or 0) - (audited.first_us or 0))


def test_the_recipe_of_a_format_writes() -> None:
    """The format in docs/adding.md writes a line an exchange, and no control character."""
    exporter = _run("format")["UrlsExporter"]()
    records = [shown(make_record(1)), shown(make_record(2, url="https://x.test/\x1b\n"))]

    assert b"https://shop.example.com/cart?id=7\nhttps://x.test/\\x1b\\n\n" == written(exporter, records)


def test_the_launcher_and_the_scripts_that_are_named_exist() -> None:
    """What the README tells to run from the checkout lies there."""
    named = set(re.findall(r"(?<![\w/])(?:scripts|addons)/[\w.]+", _text("README.md")))

    assert {"scripts/run", "scripts/test", "scripts/setup", "addons/fairwitness_addon.py"} <= named
    assert set() == {each for each in named if not (ROOT / each).exists()}


def test_commands_that_the_help_lists_can_be_imported() -> None:
    """A line in COMMANDS leads to a function."""
    assert [] == [
        name
        for name, (module, function, _) in COMMANDS.items()
        if not isinstance(getattr(import_module(f"fairwitness.cli.{module}"), function), click.Command)
    ]
