"""A bug in a hook blocks its traffic."""

import asyncio
import inspect

import pytest

from fairwitness.proxy.dials import Dials
from fairwitness.proxy.exchanges import Exchanges
from fairwitness.proxy.fail_closed import LIFECYCLE, guarded_tee, place_of
from fairwitness.proxy.front import Front
from fairwitness.proxy.hooks import ALL_HOOKS
from fairwitness.proxy.messages import Messages
from fairwitness.proxy.tunnels import Tunnels

pytestmark = pytest.mark.gate


@pytest.mark.parametrize("addon", [Front, Tunnels, Exchanges, Messages, Dials])
def test_every_hook_of_every_addon_is_wrapped(addon: type) -> None:
    """A wrapper around a hook is a coroutine function: a plain one would never run an async hook."""
    hooks = {name for name in vars(addon) if name in ALL_HOOKS - LIFECYCLE}

    assert hooks
    for name in hooks:
        function = vars(addon)[name]
        assert inspect.iscoroutinefunction(function), name
        assert hasattr(function, "__wrapped__"), name


@pytest.mark.bypass(19)
def test_a_tee_that_fails_lets_nothing_more_pass() -> None:
    """mitmproxy would drop the one chunk and forward the later ones."""
    told: list[Exception] = []

    def tee(chunk: bytes) -> bytes:
        if chunk == b"bad":
            raise OSError(28, "No space left on device")
        return chunk

    guarded = guarded_tee(tee, fail=told.append)

    assert [b"good", b"", b""] == [guarded(each) for each in (b"good", b"bad", b"good")]
    assert len(told) == 1
    assert isinstance(told[0], OSError)
    assert "OSError in test_fail_closed.py:" == place_of(told[0]).rstrip("0123456789")


def test_cancelling_is_not_swallowed() -> None:
    """A cancelled hook freezes its flow: nothing leaves."""

    def tee(chunk: bytes) -> bytes:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        guarded_tee(tee, fail=lambda _: None)(b"x")
