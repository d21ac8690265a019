"""Secrets in places that no parser of their format reads."""

from __future__ import annotations

import base64
import json
import time

import pytest

from fairwitness.export.redact import Redaction
from fairwitness.export.testing import make_message, make_record, redacted, texts_of
from fairwitness.model.record import ExchangeRecord

TEXT = "f3Kd9a0Lx8Qm2Zp7"
VALUE = TEXT.encode()
SENT = make_record(1, request_headers=((b"Cookie", b"sid=" + VALUE),))
PART = b'Content-Disposition: form-data; name="token"\r\n\r\n'

NAMED = {
    "setItem": f'localStorage.setItem("access_token","{TEXT}")',
    "setRequestHeader": f"x.setRequestHeader('X-CSRF-Token', '{TEXT}')",
    "php": f's:5:"token";s:16:"{TEXT}";',
    "csv": f"id,user,password\n1,alice,{TEXT}\n",
    "csv with quotes": f'id;"api_key"\r\n1;"{TEXT}"\r\n',
    "tab separated": f"token\tid\n{TEXT}\t1",
    "cdata": f"<u><token><![CDATA[{TEXT}]]></token></u>",
    "property list": f"<key>authToken</key>\n<string>{TEXT}</string>",
    "xml-rpc": f"<member><name>password</name><value><string>{TEXT}</string></value></member>",
    "value behind another pair": json.dumps([{"key": "api_token", "enabled": True, "value": TEXT}]),
    "value before its name": json.dumps([{"value": TEXT, "name": "csrf_token"}]),
    "comment": f"<!-- session: {TEXT} -->",
    "script": f'window.cfg={{apiKey:"{TEXT}",x:1}}',
    "yaml": f"db:\n  password: {TEXT}\n",
    "graphql": json.dumps({"query": f'mutation{{login(user:"a",password:"{TEXT}"){{id}}}}'}),
    "event stream": f'event: auth\ndata: {{"access_token":"{TEXT}"}}\n\n',
    "data attribute": f'<div data-csrf-token="{TEXT}">',
    "session in the path": f'<a href="/(S({TEXT}))/cart.aspx">',
    "mail": f"Reset it: https://shop.example.com/reset/{TEXT}\n",
}
SPELLINGS = {
    "braces": "".join(f"\\u{{{code:x}}}" for code in VALUE),
    "entities without an end": "".join(f"&#{code}" for code in VALUE),
    "entities with zeros": "".join(f"&#{code:010d};" for code in VALUE),
    "mime lines": base64.encodebytes(b"x" * 50 + VALUE + b"y" * 80).decode(),
    "indented lines": base64.encodebytes(b"x" * 50 + VALUE + b"y" * 80).decode().replace("\n", "\n  "),
}


def _survives(*records: ExchangeRecord) -> list[bytes]:
    return [text for shown in redacted(*records) for text in texts_of(shown.record) if VALUE in text]


@pytest.mark.parametrize("text", NAMED.values(), ids=NAMED)
def test_a_secret_that_only_its_surroundings_name(text: str) -> None:
    """Nothing else in the export tells that it is one."""
    assert [] == _survives(make_record(response_body=text.encode()))
    assert [] == _survives(make_record(messages=(make_message(text.encode()),)))


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_further_spellings(text: str) -> None:
    """As scripts, sloppy pages and mails write it."""
    shown = redacted(SENT, make_record(2, response_body=text.encode()))[1]

    assert ["COOKIE_A"] == [each.name for each in shown.hidden]


@pytest.mark.parametrize(
    "header",
    [
        (b"Referer", b"https://other.example/invite/" + VALUE),
        (b"Location", b"https://a.example/cb#access_token=" + VALUE + b"&state=1"),
        (b"Set-Cookie", b";sid=" + VALUE + b"; Path=/"),
        (b"Set-Cookie", b"a=1, sid=" + VALUE + b"; Path=/"),
        (b"Cookie", VALUE + b"=1"),
        (b"WWW-Authenticate", b"NTLM " + VALUE),
        (b"Authentication-Info", b'qop=auth, rspauth="' + VALUE + b'"'),
        (b"X-" + VALUE, b"1"),
    ],
)
def test_a_secret_in_an_odd_header(header: tuple[bytes, bytes]) -> None:
    """Sent or received, also where the name of a cookie or of a header is the secret."""
    known = [SENT] if header[0].startswith(b"X-") else []
    assert [] == _survives(*known, make_record(2, request_headers=(header,), response_headers=(header,)))


@pytest.mark.parametrize(
    "text",
    [
        b"name,colour,price\nmug,red,5\n",
        b"Dear reader, your token\nwas sent, as usual\n",
        b'["password", "username", "remember"]',
        b'{"name": "password", "type": "text", "value": ""}',
        b'input.setAttribute("password", "Password please")',
        b"<key>tokenCount</key><string>12</string>",
        b"&#169 2026 Acme, all rights reserved",
    ],
)
def test_what_only_looks_so_stays(text: bytes) -> None:
    """Ordinary pages can be read."""
    (shown,) = redacted(make_record(response_body=text))

    assert text == shown.record.response_body


def test_a_flag_cookie_keeps_its_name() -> None:
    """Only a name that looks random is taken for a session."""
    (shown,) = redacted(make_record(request_headers=((b"Cookie", b"cookie_consent_accepted=1"),)))

    assert b"cookie_consent_accepted=1" == shown.record.request_headers[0][1]


@pytest.mark.parametrize(
    "pattern",
    [
        PART,
        b'"token":[',
        b'"tokens":{"a":',
        b"<token>",
        b"?token=a1&",
        b'"value":"a","b":1,',
        b"eyJaaaaa.eyJaaaaa.",
    ],
)
def test_the_time_grows_as_the_body(pattern: bytes) -> None:
    """Four times the body may not take sixteen times as long; parts without an end once took hours."""
    lasted_s = []
    for size in (1 << 16, 1 << 18):
        record = make_record(response_body=pattern * (size // len(pattern)))
        redaction = Redaction()
        started_s = time.process_time()
        redaction.learn(record)
        redaction.show(record)
        lasted_s.append(time.process_time() - started_s)

    assert lasted_s[1] < 11 * lasted_s[0] + 0.5
