"""A killed proxy: what the origin saw is in the log, and the log goes on."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from fairwitness.testing import Authority, Disconnected, Origin, Proxy, RawClient, Town, policy_text
from fairwitness.testing.faults import Fault, FaultDoor
from fairwitness.testing.sweep import check_end, check_town_end
from fairwitness.testing.tour import another_proxy, https, unlogged

pytestmark = pytest.mark.gate

KILLS = int(os.environ.get("FAIRWITNESS_KILLS", "3"))
WORKERS = 6
LEFT = (Disconnected, OSError, ssl.SSLError)


@pytest.mark.timeout(120 + 20 * KILLS)
def test_every_request_that_the_origin_saw_survives_sigkill(authority: Authority, tmp_path: Path) -> None:
    """Killed under load again and again on one folder: what the origin saw is on record, body and all."""
    with Origin(authority, ["in.test"]) as origin:
        policy = policy_text(include=[origin.host_port])
        for number in range(KILLS):
            proxy = Proxy(tmp_path, policy=policy, upstream_ca=authority.pem, resolve=[origin.resolve])
            with proxy:
                target = origin.counts.requests + 60 + 25 * number  # at another moment each time
                workers = _start_load(proxy, origin, number)
                origin.wait_for(lambda it, target=target: it.counts.requests >= target, "the load")
                proxy.kill(signal.SIGKILL)
                for worker in workers:
                    worker.join(30)
                assert -signal.SIGKILL == proxy.stop()
            _check_all_are_on_record(proxy, origin)

        with Proxy(tmp_path, policy=policy, upstream_ca=authority.pem, resolve=[origin.resolve]) as proxy:
            outcomes = {row.outcome for row in proxy.rows()}

        assert outcomes <= {"complete", "unknown"} | {o for o in outcomes if o.startswith("failed")}
        assert "open" not in outcomes


def test_an_exchange_cut_off_by_a_crash_is_unknown_afterwards(make_town: Callable[..., Town]) -> None:
    """A request whose answer was awaited when the proxy died is on record with the outcome unknown."""
    with make_town() as town:
        url = town.inside.url("/wait/forever")
        with town.tunnel(town.inside) as client:
            client.send(f"GET /wait/forever HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode())
            town.inside.wait_for(lambda it: it.requests_for("/wait/forever") != (), "the request")
            town.proxy.kill()
            town.proxy.stop()
        with town.another_proxy() as proxy:
            rows = [row for row in proxy.rows() if row.url == url]
            told = proxy.wait_for(lambda told: told.text("state") == "recovered", "what it recovered")

        assert [] == check_town_end(town)

    assert ["unknown"] == [row.outcome for row in rows]
    assert "store" == told.kind


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_terminated_proxy_ends_in_good_order(
    make_town: Callable[..., Town], number: signal.Signals
) -> None:
    """Exit code 0, the stopped event that says why, nothing left open, and the next start works."""
    with make_town() as town:
        town.curl(town.inside.url("/before-the-end"))
        code = town.proxy.stop(number)
        why = [told.text("reason") for told in town.proxy.told if told.kind == "stopped"]
        rows = town.proxy.rows()
        assert [] == check_town_end(town)

    assert 0 == code
    assert [number.name] == why
    assert ["complete"] == [row.outcome for row in rows if row.url == town.inside.url("/before-the-end")]


def test_who_asks_again_while_it_ends_harms_nothing(town: Town, tmp_path: Path) -> None:
    """SIGTERM, a Ctrl-C while connections close, SIGTERM while the log closes: it ends as if asked once."""
    again = [
        Fault(part=part, deed=f"kill -{name} $PPID")
        for name, part in (
            ("INT", "fairwitness.control.server:Server.close"),
            ("TERM", "fairwitness.evidence.log:Log.close"),
        )
    ]
    with FaultDoor(again) as door, another_proxy(town, tmp_path, door.program) as proxy:
        https(town, proxy, "asked")
        code = proxy.stop()
        assert [] == unlogged(town, proxy, "asked")
        assert "cut off" not in proxy.command("report").stdout
        assert [] == check_end(town, tmp_path, proxy, ended=True)

    assert (0, "") == (code, proxy.stderr)
    assert "stopped" == proxy.told[-2].kind


def test_a_start_that_is_ended_lets_nothing_through(town: Town, tmp_path: Path) -> None:
    """Ctrl-C is silent, SIGTERM a line, also where more come; the log verifies and the next start goes on."""
    terminated = "fairwitness: error: fairwitness: SIGTERM ended it before it was ready, and nothing was let"
    for name, code, said in (("INT", 130, ""), ("TERM", 143, f"{terminated} through. Start it again.")):
        ends = [
            Fault(part="fairwitness.cli.session:replay", deed=f"kill -{name} $PPID"),
            Fault(part="fairwitness.evidence.log:Log.close", deed="kill -TERM $PPID; kill -HUP $PPID"),
        ]
        with FaultDoor(ends[: 1 + (name == "TERM")]) as door:
            proxy = another_proxy(town, tmp_path, door.program)
            with pytest.raises(TimeoutError), proxy:
                pass

            assert (code, said) == (proxy.stop(), proxy.stderr.strip())
    assert [] == check_end(town, tmp_path, proxy, ended=True)


def _start_load(proxy: Proxy, origin: Origin, number: int) -> list[threading.Thread]:
    ca = proxy.ca
    address = proxy.address

    def work(worker: int) -> None:
        count = 0
        with contextlib.suppress(*LEFT):
            while True:
                with RawClient(address) as client:
                    prefix = f"http://{origin.host_port}"
                    if worker % 2:
                        prefix = ""
                        client.connect(origin.host_port)
                        client.start_tls("in.test", ca=ca)
                    for _ in range(20):
                        count += 1
                        path = f"/kill-{number}-{worker}-{count}"
                        client.request(
                            prefix + path, host=origin.host_port, method="POST", body=path.encode() * 20
                        )

    workers = [threading.Thread(target=work, args=(each,), daemon=True) for each in range(WORKERS)]
    for worker in workers:
        worker.start()
    return workers


def _check_all_are_on_record(proxy: Proxy, origin: Origin) -> None:
    logged = {row.url.split("/", 3)[3]: row for row in proxy.rows()}
    seen = origin.requests
    missing = [each.target for each in seen if each.path.lstrip("/") not in logged]
    assert [] == missing
    for each in seen[-WORKERS:]:  # those that were under way: their bodies too
        record = proxy.record(logged[each.path.lstrip("/")])
        whole = each.path.encode() * 20
        assert hashlib.sha256(whole).hexdigest() == record.request_body_sha256
