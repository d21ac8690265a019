"""All hooks that there are: those that a bug must not open."""

from __future__ import annotations

from mitmproxy import hooks

from fairwitness.proxy import layers, socks, websockets  # noqa: F401 - their hooks are among them

ALL_HOOKS = frozenset(hooks.all_hooks)
