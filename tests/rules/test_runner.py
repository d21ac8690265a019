"""Tests of fairwitness.rules.runner: what every rule gets from the frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from fairwitness.model.connection import Connection
from fairwitness.model.exchange import Client, Exchange, Initiator, Metered, Request
from fairwitness.model.flag import Answer, AnswerAs, Severity, Sighting
from fairwitness.model.message import Direction, Message
from fairwitness.model.policy import Approval, Meter, MeterSet, Policy, Posture, Rate
from fairwitness.model.verdict import Action, Clause
from fairwitness.rules import Rule, Runner
from fairwitness.rules.judgement import MeterReading
from fairwitness.rules.rule import Where
from fairwitness.rules.testing import NOON_US, make_exchange, make_line, make_policy, make_request
from fairwitness.rules.words import head_of, reach_of

MINUTE = 60_000_000


def sighting(request: Request, **more: object) -> Sighting:
    """What a rule sees, a stop unless told otherwise."""
    given = {
        "rule": "shouting",
        "severity": Severity.STOP,
        "says": "it shouts",
        "advice": "Whisper.",
        "shown_by": head_of(request),
        "reach": reach_of(request),
    }
    return Sighting(**(given | more))  # type: ignore[arg-type]


class Shouting(Rule):
    """Flags every request whose path says so, with the severity that it names."""

    name = "shouting"
    summary = "requests that shout"

    def on_request(self, request: Request) -> Iterator[Sighting]:
        """Read what to see from the path: the tests' own rule."""
        word = request.path.split("/")[1]
        severity = {"stop": Severity.STOP, "check": Severity.CHECK, "info": Severity.INFO}.get(word)
        if severity is not None:
            yield sighting(request, severity=severity)
        if word == "ask":
            yield sighting(request, calls_for=Action.HOLD)
        if word == "ask-always":
            yield sighting(request, calls_for=Action.HOLD, asks_each_time=True)
        if word == "shape":
            yield sighting(request, severity=Severity.INFO, shape_only=True)

    def on_response(self, exchange: Exchange) -> Iterator[Sighting]:
        """The same by the status."""
        if exchange.response is not None and exchange.response.status == 418:
            yield sighting(exchange.request, says="it answered with a shout")

    def on_message(self, message: Message, request: Request) -> Iterator[Sighting]:
        """The same by the content."""
        if message.content == b"!":
            yield sighting(request, says="a message shouts")

    def on_connection(self, connection: Connection) -> Iterator[Sighting]:
        """The same by the port."""
        if connection.port == 666:
            yield Sighting(
                rule=self.name,
                severity=Severity.STOP,
                says="a dial shouts",
                advice="Whisper.",
                shown_by=(),
                reach="dials",
            )


class Broken(Rule):
    """Fails everywhere it can."""

    name = "broken"
    summary = "fails"
    where = Where.EVERYWHERE

    def on_request(self, request: Request) -> Iterator[Sighting]:
        """Fail after something was seen, with the traffic in the message."""
        yield sighting(request, severity=Severity.CHECK, group="seen before the failure")
        raise RuntimeError("password=hunter2")

    def on_ended(self, request: Request, time_us: int) -> None:
        """Fail at the end, too."""
        raise KeyError(request.target)

    def has_slot(self, request: Request, now_us: int | None) -> bool:
        """Fail when asked for a slot."""
        raise ZeroDivisionError

    def readings(self, now_us: int) -> Iterator[MeterReading]:
        """Fail when asked for readings."""
        raise ValueError(now_us)


class Unborn(Rule):
    """Cannot even be made."""

    name = "unborn"
    summary = "fails at birth"

    @classmethod
    def for_policy(cls, policy: Policy) -> Unborn | None:
        """Fail."""
        raise LookupError(policy.sha256)


class Nonsense(Rule):
    """Yields something that is no sighting."""

    name = "nonsense"
    summary = "yields nonsense"

    def on_request(self, request: Request) -> Iterator[Sighting]:
        """Break the protocol."""
        yield "nonsense"  # type: ignore[misc]


def _runner(
    action: Action = Action.BLOCK, *, kinds: tuple[type[Rule], ...] = (Shouting,), **more: object
) -> Runner:
    says = more.pop("says", "No shouting.")
    policy = make_policy(rules=[make_line("shouting", action, says=says)], **more)  # type: ignore[arg-type]
    return Runner(policy, next_flag=1, now_us=NOON_US, rules=kinds)


def _ask(runner: Runner, path: str, **more: object) -> Action:
    return runner.judge_request(make_request(f"https://shop.test/{path}", **more), in_scope=True).action  # type: ignore[arg-type]


@pytest.mark.parametrize("action", list(Action))
def test_stop_does_what_the_policy_says(action: Action) -> None:
    """At its stop threshold a rule does what its line says, `log` included."""
    assert action == _ask(_runner(action), "stop")


@pytest.mark.parametrize("action", list(Action))
def test_check_warns_and_info_is_only_kept(action: Action) -> None:
    """Below the stop threshold nothing is stricter than a warning."""
    runner = _runner(action)

    assert min(action, Action.WARN) == _ask(runner, "check")
    assert Action.ALLOW == _ask(runner, "info")
    assert [Severity.CHECK, Severity.INFO] == [flag.severity for flag in runner.flags]


@pytest.mark.parametrize("action", list(Action))
def test_without_the_programs_sentence_a_rule_at_most_warns(action: Action) -> None:
    """Nobody is blocked by a rule that nobody wrote down."""
    assert min(action, Action.WARN) == _ask(_runner(action, says=None), "stop")


def test_rule_may_call_for_less_than_the_policy_allows() -> None:
    """A first threshold holds, a second one blocks, by one line of the policy."""
    runner = _runner(Action.BLOCK)

    assert (Action.HOLD, Action.BLOCK) == (_ask(runner, "ask"), _ask(runner, "stop"))
    assert Action.WARN == _ask(_runner(Action.WARN), "ask")


def test_unattended_turns_hold_into_block() -> None:
    """Where nobody is there to ask, the answer is no."""
    assert Action.BLOCK == _ask(_runner(Action.HOLD, posture=Posture.UNATTENDED), "stop")
    assert Action.BLOCK == _ask(_runner(Action.BLOCK, posture=Posture.UNATTENDED), "ask")


def test_throttle_without_a_delay_of_its_own_costs_a_second() -> None:
    """`action: throttle` slows down whatever rule it is written for."""
    judged = _runner(Action.THROTTLE).judge_request(make_request("https://shop.test/stop"), in_scope=True)

    assert (Action.THROTTLE, 1_000_000) == (judged.action, judged.delay_us)


def test_strictest_of_several_wins_and_all_are_named() -> None:
    """Over a limit and shouting: blocked, with both clauses and both flags, the deciding one first."""
    from fairwitness.rules import RULES

    runner = _runner(
        kinds=(*RULES, Shouting), testing=MeterSet(per_host=Meter(rate=Rate(1, 1_000_000), burst=1))
    )
    _ask(runner, "quiet")
    judged = runner.judge_request(make_request("https://shop.test/stop"), in_scope=True)

    assert (Action.BLOCK, "it shouts", 0) == (judged.action, judged.reason, judged.delay_us)
    assert ["rules.shouting", "limits"] == [clause.id for clause in judged.clauses]
    assert 2 == len(judged.flags)


def test_blocked_request_leaves_no_place_in_the_queue() -> None:
    """What another rule blocks does not delay the next one."""
    from fairwitness.rules import RULES

    runner = _runner(
        kinds=(*RULES, Shouting), testing=MeterSet(per_host=Meter(rate=Rate(1, 1_000_000), burst=1))
    )
    _ask(runner, "stop")

    assert 0 == runner.judge_request(make_request("https://shop.test/quiet"), in_scope=True).delay_us


def test_identical_offences_are_one_flag() -> None:
    """The first exchange makes the flag, the others continue it."""
    runner = _runner(Action.WARN)
    judged = [
        runner.judge_request(make_request(f"https://shop.test/stop/{i}", at_us=NOON_US + i), in_scope=True)
        for i in range(20)
    ]

    assert [1] + [0] * 19 == [len(j.new_flags) for j in judged]
    assert {("f1",)} == {j.flags for j in judged}


def test_other_actor_endpoint_or_severity_is_another_flag() -> None:
    """Flags are told apart by what a block would cover and by what was seen."""
    runner = _runner(Action.WARN)
    _ask(runner, "stop")
    _ask(runner, "stop", label="other")
    _ask(runner, "stop/elsewhere")
    _ask(runner, "check")

    assert ["f1", "f2", "f3", "f4"] == [flag.flag for flag in runner.flags]


def test_offence_after_a_long_pause_is_a_new_flag() -> None:
    """A run ends after fifteen quiet minutes."""
    runner = _runner(Action.WARN)
    for minutes in (0, 15, 30, 46):
        _ask(runner, "stop", at_us=NOON_US + minutes * MINUTE)

    assert [NOON_US, NOON_US + 46 * MINUTE] == [flag.time_us for flag in runner.flags]


def test_block_stands_for_its_actor_and_endpoint_until_its_end() -> None:
    """The same actor at the same endpoint is blocked for 15 minutes; others are not."""

    class Once(Shouting):
        """Sees the first request only."""

        def on_request(self, request: Request) -> Iterator[Sighting]:
            """Yield where the query says so."""
            if request.target.endswith(b"=loud"):
                yield sighting(request)

    runner = _runner(kinds=(Once,))
    _ask(runner, "users/41?tone=loud")
    later = NOON_US + 14 * MINUTE

    assert Action.BLOCK == _ask(runner, "users/42?tone=low", at_us=later)
    assert Action.ALLOW == _ask(runner, "users/42?tone=low", at_us=later, label="other")
    assert Action.ALLOW == _ask(runner, "orders/42?tone=low", at_us=later)
    assert Action.ALLOW == _ask(runner, "users/42?tone=low", at_us=later, method="POST")
    assert Action.ALLOW == _ask(runner, "users/42?tone=low", at_us=NOON_US + 15 * MINUTE)


def test_standing_block_names_its_flag_clause_reach_and_end() -> None:
    """Who is blocked learns by which flag, which line, what is covered and until when."""
    runner = _runner()
    _ask(runner, "stop")
    judged = runner.judge_request(make_request("https://shop.test/stop", at_us=NOON_US + 1), in_scope=True)
    (flag,) = runner.flags

    assert ("f1", "rules.shouting") == (judged.flags[0], judged.clauses[0].id)
    assert "127.0.0.1 tester/1 - at GET shop.test /stop" == judged.reach
    assert NOON_US + 15 * MINUTE == flag.blocks_until_us
    assert judged.undo == (
        "It covers 127.0.0.1 tester/1 - at GET shop.test /stop, and ends within 15 min, "
        "or at once with: fairwitness answer f1 --as false-alarm --note TEXT"
    )


def test_what_blocks_nothing_later_has_nothing_to_undo() -> None:
    """A warning; and a rule that decides each request afresh, which no answer lifts."""

    class Afresh(Shouting):
        """As the limits do."""

        judges_afresh = True

    for runner in (_runner(Action.WARN), _runner(kinds=(Afresh,))):
        assert "" == runner.judge_request(make_request("https://shop.test/stop"), in_scope=True).undo


@pytest.mark.parametrize("answered_as", list(AnswerAs))
def test_any_answer_ends_the_block(answered_as: AnswerAs) -> None:
    """The researcher has seen it: the endpoint is open again at once."""
    runner = _runner()
    request = make_request("https://shop.test/stop")
    runner.judge_request(request, in_scope=True)
    runner.answer(Answer(flag="f1", answered_as=answered_as, note="", time_us=NOON_US + 1))
    calm = replace(make_request("https://shop.test/stop"), target=b"/%73top")  # no shout, same endpoint

    assert Action.ALLOW == runner.judge_request(calm, in_scope=True).action


@pytest.mark.parametrize(
    ("answered_as", "action", "flags"),
    [
        (AnswerAs.FALSE_ALARM, Action.ALLOW, ["f1"]),
        (AnswerAs.AUTHORISED, Action.ALLOW, ["f1"]),
        (AnswerAs.ACCIDENT, Action.BLOCK, ["f1", "f2"]),
    ],
)
def test_same_offence_after_an_answer(answered_as: AnswerAs, action: Action, flags: list[str]) -> None:
    """A false alarm stays silent and on record; an accident that happens again is a new flag."""
    runner = _runner()
    _ask(runner, "stop")
    runner.answer(Answer(flag="f1", answered_as=answered_as, note="", time_us=NOON_US + 1))
    judged = runner.judge_request(make_request("https://shop.test/stop"), in_scope=True)

    assert (action, flags) == (judged.action, [flag.flag for flag in runner.flags])
    assert (flags[-1],) == judged.flags


def test_answer_to_a_hint_does_not_excuse_more_than_it() -> None:
    """Who calls a warning a false alarm has not answered the block that would follow."""
    runner = _runner()
    same = {"group": "one group"}

    class Twice(Shouting):
        """One group at two severities."""

        def on_request(self, request: Request) -> Iterator[Sighting]:
            """Severity by path."""
            severity = Severity.STOP if request.path == "/stop" else Severity.CHECK
            yield sighting(request, severity=severity, **same)

    runner = _runner(kinds=(Twice,))
    _ask(runner, "check")
    runner.answer(Answer(flag="f1", answered_as=AnswerAs.FALSE_ALARM, note="", time_us=NOON_US))

    assert (Action.ALLOW, Action.BLOCK) == (_ask(runner, "check"), _ask(runner, "stop"))


def test_answer_to_an_unknown_flag_changes_nothing() -> None:
    """Flags of earlier sessions may be answered too."""
    runner = _runner()
    _ask(runner, "stop")
    runner.answer(Answer(flag="f99", answered_as=AnswerAs.FALSE_ALARM, note="", time_us=NOON_US))

    assert Action.BLOCK == _ask(runner, "stop")


def _approval(**more: object) -> Approval:
    given: dict[str, object] = {
        "rule": "shouting",
        "by": "security@acme.test",
        "date": "2026-11-20",
        "until_us": None,
        "hosts": (),
        "text": "Shout as you like.",
        "file": None,
        "clause": Clause("approvals[0]", None, "policy.yaml:50"),
    }
    return Approval(**(given | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("approval", "action"),
    [
        (_approval(), Action.ALLOW),
        (_approval(hosts=("shop.test",)), Action.ALLOW),
        (_approval(hosts=("*.test",)), Action.ALLOW),
        (_approval(hosts=("other.test", "SHOP.test")), Action.ALLOW),
        (_approval(hosts=("other.test",)), Action.BLOCK),
        (_approval(hosts=("*.shop.test",)), Action.BLOCK),
        (_approval(hosts=("sh*.test",)), Action.BLOCK),
        (_approval(rule="whispering"), Action.BLOCK),
        (_approval(until_us=NOON_US), Action.BLOCK),
        (_approval(until_us=NOON_US + 1), Action.ALLOW),
    ],
)
def test_approval_lifts_its_rule_for_its_hosts_until_its_end(approval: Approval, action: Action) -> None:
    """What was allowed in writing passes, there and then only."""
    assert action == _ask(_runner(approvals=(approval,)), "stop")


def test_approved_offence_is_on_record_with_the_approval() -> None:
    """The flag names the approval's line, and that the researcher states it."""
    runner = _runner(approvals=(_approval(),))
    _ask(runner, "stop")
    (flag,) = runner.flags

    assert ("approvals[0]", Severity.STOP, Action.ALLOW) == (flag.clause.id, flag.severity, flag.action)
    assert "it shouts; allowed in writing, as the researcher states" == flag.says


def test_page_made_offence_is_a_hint_and_acts_all_the_same() -> None:
    """No page frames the researcher, and no scanner hides behind a faked header."""
    runner = _runner()
    page = "https://shop.test/hostile"

    assert Action.BLOCK == _ask(runner, "stop", initiator=Initiator.PAGE, page=page)
    (flag,) = runner.flags
    assert (Severity.INFO, Initiator.PAGE) == (flag.severity, flag.initiator)
    assert f"made by the page {page}: it shouts" == flag.says


def test_page_cannot_lock_its_visitor_out() -> None:
    """A block that a page brought about covers what pages ask for, a tool's covers both."""

    class Once(Shouting):
        """Sees loud requests only."""

        def on_request(self, request: Request) -> Iterator[Sighting]:
            """Yield where the query says so."""
            if request.target.endswith(b"=loud"):
                yield sighting(request)

    by_page, by_tool = _runner(kinds=(Once,)), _runner(kinds=(Once,))
    _ask(by_page, "a?t=loud", initiator=Initiator.PAGE)
    _ask(by_tool, "a?t=loud")

    assert (Action.ALLOW, Action.BLOCK) == (
        _ask(by_page, "a?t=low"),
        _ask(by_page, "a?t=low", initiator=Initiator.PAGE),
    )
    assert Action.BLOCK == _ask(by_tool, "a?t=low", initiator=Initiator.PAGE)


def test_bug_in_a_rule_is_reported_and_stops_nothing() -> None:
    """The failure becomes a record without the traffic's words; other rules and the request go on."""
    runner = _runner(kinds=(Broken, Nonsense, Shouting))
    request = make_request("https://shop.test/check")
    judged = runner.judge_request(request, in_scope=True)

    assert Action.WARN == judged.action
    assert ["seen before the failure" in str(judged.failures), 2] == [False, len(judged.failures)]
    assert [("broken", request.exchange), ("nonsense", request.exchange)] == [
        (failure.rule, failure.exchange) for failure in judged.failures
    ]
    assert "RuntimeError in test_runner.py:" == judged.failures[0].error.rstrip("0123456789")
    assert "hunter2" not in str(judged)
    assert ["broken", "shouting"] == sorted(flag.rule for flag in runner.flags)


def test_bug_at_the_end_of_a_request_is_told_with_the_next() -> None:
    """Hooks that return nothing fail into the next judgement; a slot is granted."""
    runner = _runner(kinds=(Broken,))
    request = make_request()
    runner.judge_request(request, in_scope=True)

    assert runner.has_slot(request)
    runner.ended(request, time_us=NOON_US)
    assert () == runner.meters(NOON_US)
    errors = [
        failure.error.split(" ")[0] for failure in runner.judge_response(make_exchange(request)).failures
    ]
    assert ["ZeroDivisionError", "KeyError", "ValueError"] == errors[-3:]


def test_rule_that_cannot_be_made_is_reported() -> None:
    """The others run, and the first judgement says which one does not."""
    runner = _runner(kinds=(Unborn, Shouting))
    judged = runner.judge_request(make_request("https://shop.test/stop"), in_scope=True)

    assert (Action.BLOCK, ["unborn"]) == (judged.action, [failure.rule for failure in judged.failures])


def test_failures_that_nobody_fetches_are_bounded() -> None:
    """A rule that fails at every end does not fill the memory."""
    runner = _runner(kinds=(Broken,))
    for _ in range(500):
        runner.ended(make_request(), time_us=NOON_US)

    assert 100 == len(runner.judge_response(make_exchange(make_request())).failures)


@pytest.mark.parametrize("lesson", ["initiators", "ownership", "trails"])
def test_bug_in_what_is_learned_is_one_of_a_rule(lesson: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told with the answer's judgement, and the other lessons are learned."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("password=hunter2")

    runner = _runner()
    learned: list[Exchange] = []
    monkeypatch.setattr(getattr(runner.known, lesson), "learn", broken)
    monkeypatch.setattr(runner.known.accounts, "learn", learned.append)
    exchange = make_exchange(make_request())
    runner.learn(exchange, in_scope=True)
    failures = runner.judge_response(exchange).failures

    assert ["knowledge"] == [failure.rule for failure in failures]
    assert [exchange] == learned
    assert "hunter2" not in str(failures)


@pytest.mark.parametrize(
    ("part", "hook"), [("initiators", "judge"), ("accounts", "judge"), ("trails", "look")]
)
def test_bug_in_who_asks_costs_only_what_it_knows(
    part: str, hook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is judged, as a tool's on the testing meter or of no own account; the bug is told."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("password=hunter2")

    runner = _runner()
    monkeypatch.setattr(getattr(runner.known, part), hook, broken)
    request = replace(make_request("https://shop.test/check"), account="first", page="https://shop.test/")
    if part == "initiators":
        request = replace(request, initiator=Initiator.PAGE, metered=Metered.FREE)
    known = runner.who(request, in_scope=True)
    judged = runner.judge_request(known, in_scope=True)

    assert (Initiator.TOOL, Metered.TESTING, None) == (known.initiator, known.metered, known.page)
    assert (None if part == "accounts" else "first") == known.account
    assert Action.WARN == judged.action
    assert [("knowledge", request.exchange)] == [(each.rule, each.exchange) for each in judged.failures]
    assert "hunter2" not in str(judged.failures)


@pytest.mark.parametrize("action", [Action.THROTTLE, Action.HOLD])
def test_response_can_be_neither_delayed_nor_held(action: Action) -> None:
    """It has happened; what is left is to say it."""
    runner = _runner(action)
    request = make_request()
    runner.judge_request(request, in_scope=True)
    judged = runner.judge_response(make_exchange(request, status=418))

    assert (Action.WARN, 0, "it answered with a shout") == (judged.action, judged.delay_us, judged.reason)


def test_block_by_a_response_closes_the_endpoint() -> None:
    """What an answer showed blocks the next request of this actor there."""
    runner = _runner()
    request = make_request("https://shop.test/tea")
    runner.judge_request(request, in_scope=True)
    runner.judge_response(make_exchange(request, status=418))

    assert Action.BLOCK == _ask(runner, "tea", at_us=NOON_US + MINUTE)


@pytest.mark.parametrize(
    ("direction", "action"), [(Direction.SENT, Action.HOLD), (Direction.RECEIVED, Action.WARN)]
)
def test_message_can_be_held_only_while_it_is_sent(direction: Direction, action: Action) -> None:
    """A message from the server has happened already."""
    runner = _runner(Action.HOLD)
    request = make_request("wss://shop.test/live")
    runner.judge_request(request, in_scope=True)
    message = Message(
        exchange=request.exchange, direction=direction, kind="text", number=1, content=b"!", time_us=NOON_US
    )

    assert action == runner.judge_message(message, request).action


def test_dial_is_judged_by_the_rules_that_look_at_dials() -> None:
    """A rule for in-scope hosts sees dials to them and to no other."""

    def dial(scope_list: str) -> Action:
        client = Client(connection="c" * 32, address="127.0.0.1", port=1, label="nmap")
        connection = Connection(
            connection="d" * 32,
            client=client,
            dialled_us=NOON_US,
            host="shop.test",
            port=666,
            purpose="tcp",
            scope_list=scope_list,
        )
        return _runner().judge_dial(connection).action

    assert (Action.BLOCK, Action.ALLOW) == (dial("include"), dial("load"))


def test_rule_sees_only_where_it_looks() -> None:
    """In scope, elsewhere, everywhere: each rule says where it looks, for responses too."""

    class Elsewhere(Shouting):
        """Looks at load hosts and others."""

        where = Where.ELSEWHERE

    runner = _runner(kinds=(Elsewhere,))
    inside, outside = make_request("https://shop.test/stop"), make_request("https://cdn.test/stop")

    assert Action.ALLOW == runner.judge_request(inside, in_scope=True).action
    assert Action.BLOCK == runner.judge_request(outside, in_scope=False).action
    assert () == runner.judge_response(make_exchange(inside, status=418)).flags
    assert 1 == len(runner.judge_response(make_exchange(outside, status=418)).flags)


def test_changed_policy_is_followed_and_flags_are_kept() -> None:
    """From `log` to `block` in the middle of a session."""
    runner = _runner(Action.ALLOW)

    assert Action.ALLOW == _ask(runner, "stop")
    runner.adopt(make_policy(rules=[make_line("shouting", Action.BLOCK)]))
    assert Action.BLOCK == _ask(runner, "stop")
    assert ["f1", "f2"] == [flag.flag for flag in runner.flags]


def test_rule_can_ask_that_a_body_is_kept_as_a_shape() -> None:
    """The judgement passes on what a rule asks of the store."""
    runner = _runner()

    assert runner.judge_request(make_request("https://shop.test/shape"), in_scope=True).shape_only
    assert not runner.judge_request(make_request("https://shop.test/info"), in_scope=True).shape_only


def test_flags_are_numbered_on_from_the_folders_last() -> None:
    """Ids are unique in the evidence folder, over its sessions."""
    policy = make_policy(rules=[make_line("shouting", Action.WARN)])
    runner = Runner(policy, next_flag=41, now_us=NOON_US, rules=(Shouting,))
    _ask(runner, "stop")

    assert ["f41"] == [flag.flag for flag in runner.flags]


@pytest.mark.slow
def test_flood_of_different_offences_stays_bounded() -> None:
    """A tool that offends at ever new endpoints fills neither memory nor list."""
    runner = _runner()
    for i in range(10_100):
        _ask(runner, f"stop/{'ab'[i % 2]}{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i // 676)}")

    assert 10_000 == len(runner.flags)


def _asking(path: str, *, at_us: int = NOON_US) -> Request:
    return make_request(f"https://shop.test/{path}", at_us=at_us)


def test_a_hold_that_was_released_is_not_asked_again_at_its_endpoint():
    """The researcher has said yes; what follows there is counted under the same flag."""
    runner = Runner(
        make_policy(rules=[make_line("shouting", Action.BLOCK)]),
        next_flag=1,
        now_us=NOON_US,
        rules=[Shouting],
    )
    first, second, elsewhere = _asking("ask"), _asking("ask"), _asking("ask/other")
    held = runner.judge_request(first, in_scope=True)
    runner.started(first)
    again = runner.judge_request(second, in_scope=True)
    other = runner.judge_request(elsewhere, in_scope=True)

    assert [Action.HOLD, Action.ALLOW, Action.HOLD] == [held.action, again.action, other.action]
    assert held.flags == again.flags != other.flags


def test_a_hold_that_was_denied_is_asked_again():
    """No is no answer for the next one."""
    runner = Runner(
        make_policy(rules=[make_line("shouting", Action.BLOCK)]),
        next_flag=1,
        now_us=NOON_US,
        rules=[Shouting],
    )
    first = _asking("ask")
    runner.judge_request(first, in_scope=True)
    runner.gave_up(first)

    assert runner.judge_request(_asking("ask"), in_scope=True).action is Action.HOLD


def test_what_must_be_asked_each_time_is_held_each_time():
    """Some payloads destroy, whoever let the last one go."""
    runner = Runner(
        make_policy(rules=[make_line("shouting", Action.BLOCK)]),
        next_flag=1,
        now_us=NOON_US,
        rules=[Shouting],
    )
    first = _asking("ask-always")
    runner.judge_request(first, in_scope=True)
    runner.started(first)

    assert runner.judge_request(_asking("ask-always"), in_scope=True).action is Action.HOLD


@pytest.mark.parametrize(
    ("posture", "label", "rule", "free"),
    [
        (Posture.TOOLS, "ffuf", "automated-scanner", 50),
        (Posture.TOOLS, None, "automated-scanner", 10),
        (Posture.MANUAL, "ffuf", "automated-scanner", 10),
        (Posture.TOOLS, "ffuf", "brute-force", 10),
    ],
)
def test_only_an_approved_tool_with_a_label_has_more_for_free(
    posture: Posture, label: str | None, rule: str, free: int
):
    """`posture: tools` raises what is free, for labelled tools that were allowed in writing."""
    approval = Approval(
        rule=rule,
        by="security@acme.test",
        date="2026-11-01",
        until_us=None,
        hosts=(),
        text="yes",
        file=None,
        clause=Clause("approvals[0]", "yes", "policy.yaml:3"),
    )
    rule_of = Shouting(make_policy(posture=posture, approvals=(approval,)))

    assert rule_of.threshold(10, make_request(label=label)) == free
