"""Whatever comes over the wire, the one who tells accounts apart neither fails nor guesses."""

from __future__ import annotations

import json
from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st

from fairwitness.model.account import Account
from fairwitness.model.exchange import Headers
from fairwitness.policy import site_of
from fairwitness.rules import Accounts
from fairwitness.rules.testing import make_exchange, make_request

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
_BODY = st.one_of(
    st.binary(max_size=200),
    _JSON.map(lambda form: json.dumps(form).encode()),
    st.binary(max_size=80).map(lambda raw: b"username=" + raw + b"&password=" + raw),
    st.binary(max_size=80).map(
        lambda raw: b'--b\r\nContent-Disposition: form-data; name="password"' + raw + b"\r\n\r\nx\r\n--b--"
    ),
    st.just(b"[" * 4000 + b'"password"'),
    st.just(b'{"password":' * 900 + b"1" + b"}" * 900),
)
_KIND = st.sampled_from(
    [
        b"application/x-www-form-urlencoded",
        b"application/json",
        b"multipart/form-data; boundary=b",
        b"multipart/form-data",
        b"multipart/form-data; boundary=\r\n\x00",
        b"text/plain",
    ]
)
_NAMES = st.sampled_from(
    [b"Cookie", b"Authorization", b"X-Auth-Token", b"Origin", b"Referer", b"Sec-Fetch-Site"]
)
_VALUES = st.one_of(
    st.binary(max_size=60),
    st.binary(max_size=30).map(lambda raw: b"Basic " + b64encode(raw)),
    st.binary(max_size=30).map(lambda raw: b"Bearer eyJ" + raw + b"." + b64encode(raw) + b".x"),
    st.binary(max_size=30).map(lambda raw: b"sid=" + raw + b"; a=b"),
    st.text(max_size=20).map(lambda text: f"https://{text}".encode()),
)
_SENT = st.lists(st.tuples(_NAMES, _VALUES), max_size=4).map(tuple)
_GIVEN = st.lists(
    st.tuples(st.sampled_from([b"Set-Cookie", b"Location", b"Authorization", b"Content-Type"]), _VALUES),
    max_size=4,
).map(tuple)


@given(_BODY, _KIND, _SENT, st.sampled_from([200, 204, 302, 303, 401, 500]), _GIVEN, _BODY)
def test_no_bytes_break_it(
    body: bytes, kind: bytes, sent: Headers, status: int, given_headers: Headers, answer: bytes
) -> None:
    """Nor label anything with an account whose name does not occur."""
    accounts = Accounts([Account("first", ("a-name-that-nobody-draws",))], site_of=site_of)
    for path in ("login", "logout"):
        request = make_request(
            f"https://shop.test/{path}", method="POST", headers=(*sent, (b"Content-Type", kind)), body=body
        )
        judged = accounts.judge(request, in_scope=True)
        seen = accounts.learn(make_exchange(judged, status=status, headers=given_headers, body=answer))
        assert judged.account is None
        assert seen is None or len(seen.identity) <= 254
