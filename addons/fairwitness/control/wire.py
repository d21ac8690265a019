"""What goes over the socket: one JSON line asks, one JSON line answers."""

from __future__ import annotations

import json
import socket
import struct
from dataclasses import dataclass, field

from fairwitness.errors import EvidenceError, FairwitnessError, PolicyError, StartError

MAX_QUESTION_BYTES = 1 << 20  # 1 MiB: some ten thousand hosts to allow
MAX_REPLY_BYTES = 4 << 20  # 4 MiB: a thousand waiting requests with long URLs
_ERRORS: dict[str, type[FairwitnessError]] = {
    each.__name__: each for each in (PolicyError, EvidenceError, StartError)
}
_MAC_LOCAL_PEERCRED = 1  # <sys/un.h>; the level SOL_LOCAL is 0
_MAC_XUCRED_BYTES = 76

Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]


class WireError(ValueError):
    """A line is no question or no reply."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a client asks for: an operation and its arguments, all of them text or lists of text."""

    do: str
    arguments: dict[str, str | tuple[str, ...]] = field(default_factory=dict)

    def line(self) -> bytes:
        """As it is sent."""
        return json.dumps({"do": self.do, "with": self.arguments}).encode() + b"\n"

    def text(self, name: str) -> str:
        """One argument.

        Raises:
            WireError: It is missing or no text.
        """
        value = self.arguments.get(name)
        if not isinstance(value, str):
            raise WireError(f"{self.do} needs {name}")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """One argument that is a list.

        Raises:
            WireError: It is missing or no list.
        """
        value = self.arguments.get(name)
        if not isinstance(value, tuple):
            raise WireError(f"{self.do} needs a list {name}")
        return value


def read_question(line: bytes) -> Question:
    """Parse what a client sent.

    Raises:
        WireError: It is anything else than one question.
    """
    form = _object(line)
    do, given = form.get("do"), form.get("with", {})
    if not isinstance(do, str) or not isinstance(given, dict):
        raise WireError("a question is {'do': ..., 'with': {...}}")
    arguments: dict[str, str | tuple[str, ...]] = {}
    for name, value in given.items():
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            arguments[name] = tuple(str(each) for each in value)
        elif isinstance(value, str):
            arguments[name] = value
        else:
            raise WireError("an argument is text or a list of texts")
    return Question(do, arguments)


def result_line(result: Value) -> bytes:
    """A reply that it was done."""
    return json.dumps({"ok": True, "result": result}).encode() + b"\n"


def error_line(error: FairwitnessError) -> bytes:
    """A reply that it could not be done."""
    return (
        json.dumps(
            {
                "ok": False,
                "error": {
                    "type": type(error).__name__,
                    "what": error.what,
                    "where": error.where,
                    "mend": error.mend,
                    "frame": error.frame,
                },
            }
        ).encode()
        + b"\n"
    )


def read_reply(line: bytes) -> Value:
    """The result in a reply.

    Raises:
        FairwitnessError: The one that the proxy replied with.
        WireError: It is no reply.
    """
    form = _object(line)
    if form.get("ok") is True:
        return form.get("result")
    error = form.get("error")
    if not isinstance(error, dict):
        raise WireError("a reply has a result or an error")
    kind = _ERRORS.get(str(error.get("type")), PolicyError)
    frame = error.get("frame")
    raise kind(
        str(error.get("what")),
        where=str(error.get("where")),
        mend=str(error.get("mend")),
        frame=frame if isinstance(frame, str) else None,
    )


def peer_uid(connected: socket.socket) -> int:
    """The user id at the other end, as the kernel knows it.

    Raises:
        OSError: This system does not say; nobody is believed then.
    """
    if hasattr(socket, "SO_PEERCRED"):
        raw = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", raw)[1])
    raw = connected.getsockopt(0, _MAC_LOCAL_PEERCRED, _MAC_XUCRED_BYTES)
    return int(struct.unpack("2I", raw[:8])[1])


def _object(line: bytes) -> dict[str, Value]:
    try:
        form = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WireError("not one line of JSON") from error
    if not isinstance(form, dict):
        raise WireError("not a JSON object")
    return form
