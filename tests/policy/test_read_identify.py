"""Identification."""

import pytest


def test_headers_suffix_and_nonce_are_read(make_policy):
    """As written, with the clause of the block."""
    identify = make_policy(
        identify={
            "headers": {"X-Bug-Bounty": "me", "X-Two": "b c"},
            "user_agent_suffix": "bb/me",
            "nonce_header": "X-Nonce",
            "says": "Send a header.",
        }
    ).identify

    assert (("X-Bug-Bounty", "me"), ("X-Two", "b c")) == identify.headers
    assert ("bb/me", "X-Nonce", "identify", "Send a header.", True) == (
        identify.user_agent_suffix,
        identify.nonce_header,
        identify.clause.id,
        identify.clause.says,
        identify.is_wanted,
    )


@pytest.mark.parametrize(
    ("identify", "what"),
    [
        ({"headers": {"X Bad": "a"}}, "no header name"),
        ({"headers": {"X-Bad:": "a"}}, "no header name"),
        ({"headers": {":authority": "a"}}, "no header name"),
        ({"headers": {"Cookie": "a"}}, "is a credential"),
        ({"headers": {"AUTHORIZATION": "a"}}, "is a credential"),
        ({"headers": {"Host": "a"}}, "changes how a message is read"),
        ({"headers": {"Transfer-Encoding": "chunked"}}, "changes how a message is read"),
        ({"headers": {"Sec-Fetch-Site": "none"}}, "changes how a message is read"),
        ({"headers": {"Proxy-Thing": "a"}}, "changes how a message is read"),
        ({"headers": {"User-Agent": "a"}}, "User-Agent is not replaced"),
        ({"headers": {"X-A": "ä"}}, "no header can carry"),
        ({"headers": {"X-A": "a" * 600}}, "no header can carry"),
        ({"headers": {"X-A": ""}}, "no header can carry"),
        ({"headers": {"X-A": "a", "x-a": "b"}}, "stands twice"),
        ({"headers": {f"X-{n}": "a" for n in range(20)}}, "more than 16"),
        ({"user_agent_suffix": "é"}, "no header can carry"),
        ({"nonce_header": "X Bad"}, "no header name"),
        ({"nonce_header": "Content-Length"}, "changes how a message is read"),
    ],
)
def test_identification_cannot_change_what_a_message_means(refuse, identify, what):
    """Framing, routing and credentials are no identification, and no header is split."""
    assert what in refuse(identify=identify).what


def test_header_value_with_a_line_break_cannot_split_the_message(make_policy):
    """White space of any kind becomes one blank."""
    assert (("X-A", "a b: c"),) == make_policy(identify={"headers": {"X-A": "a\r\nb: c"}}).identify.headers
