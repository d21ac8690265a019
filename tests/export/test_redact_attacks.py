"""Ways in which a secret could survive, or a hostile server could spoil an export."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from fairwitness.errors import ExportError
from fairwitness.export import vault
from fairwitness.export.html import HtmlExporter
from fairwitness.export.redact import Redaction
from fairwitness.export.testing import make_message, make_record, redacted, texts_of, written
from fairwitness.model.record import ExchangeRecord

VALUE = "f3Kd9a0Lx8Qm2Zp7"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
COOKIE = make_record(1, request_headers=((b"Cookie", b"sid=" + VALUE.encode()),))


def _survivors(needle: bytes, *records: ExchangeRecord) -> list[bytes]:
    return [text for shown in redacted(*records) for text in texts_of(shown.record) if needle in text]


def _cookie(value: bytes) -> ExchangeRecord:
    return make_record(1, request_headers=((b"Cookie", b"sid=" + value),))


def _answer(body: bytes) -> ExchangeRecord:
    return make_record(2, response_body=body)


def test_a_secret_within_another() -> None:
    """The longer is hidden as one, the shorter where it stands alone."""
    longer = _cookie(b"a1b2c3d4e5f6g7h8")
    shorter = _cookie(b"c3d4e5f6")

    shown = redacted(longer, shorter, _answer(b"a1b2c3d4e5f6g7h8 c3d4e5f6 a1c3d4e5f6"))[2].record

    assert b"<COOKIE_A> <COOKIE_B> a1<COOKIE_B>" == shown.response_body


def test_two_secrets_that_overlap() -> None:
    """Nothing of either is left."""
    one, two = _cookie(b"aaaa1111bbbb2222"), _cookie(b"bbbb2222cccc3333")

    shown = redacted(one, two, _answer(b"-aaaa1111bbbb2222cccc3333-"))[2].record

    assert b"-<COOKIE_A>-" == shown.response_body


@pytest.mark.parametrize("part", JWT.split("."))
def test_a_part_of_a_jwt(part: str) -> None:
    """Header, payload and signature are hidden by themselves too."""
    sent = make_record(1, request_headers=((b"Authorization", b"Bearer " + JWT.encode()),))

    assert [] == _survivors(part.encode(), sent, _answer(b"x " + part.encode() + b" y"))


def test_the_id_of_a_signed_cookie() -> None:
    """The session id without its signature."""
    sent = _cookie(quote("s:kJ8dh3Kd7Hs6Ks9d.0sDf8Hs7Gd6Fk5Ls4", safe="").encode())

    assert [] == _survivors(b"kJ8dh3Kd7Hs6Ks9d", sent, _answer(b"id=kJ8dh3Kd7Hs6Ks9d"))


def test_a_token_within_the_json_of_a_cookie() -> None:
    """It is remembered by itself."""
    sent = _cookie(quote(json.dumps({"user": 1, "token": VALUE})).encode())

    assert [] == _survivors(VALUE.encode(), sent, _answer(VALUE.encode()))


def test_url_page_and_headers_agree() -> None:
    """The same token of a URL is hidden in the row, the line, Referer, Location and the meta lines."""
    target = "/reset?token=short1"
    url = "https://shop.example.com" + target
    record = make_record(
        1,
        request=f"GET {target} HTTP/1.1".encode(),
        url=url,
        page=url,
        request_headers=((b"Referer", url.encode()),),
        response_headers=((b"Location", target.encode()), (b"Link", f"<{url}>; rel=next".encode())),
        meta=(("page", url), ("failure", f"no answer from {url}")),
    )

    assert [] == _survivors(b"short1", record)


def test_a_secret_that_is_the_name_of_a_header() -> None:
    """Names are texts too."""
    assert [] == _survivors(VALUE.encode(), COOKIE, make_record(2, request_headers=((VALUE.encode(), b"1"),)))


def test_base64_in_lines() -> None:
    """As mail and certificates write it, raw and in a JSON string."""
    text = base64.encodebytes(b"x" * 50 + VALUE.encode() + b"y" * 80)

    for body in (text, json.dumps({"mail": text.decode()}).encode()):
        shown = redacted(COOKIE, _answer(body))[1].record
        joined = (shown.response_body or b"").replace(b"\\n", b"").replace(b"\n", b"")
        assert b"<COOKIE_A>" in joined
        assert base64.b64encode(b"xx" + VALUE.encode())[4:20] not in joined


def test_a_password_of_another_character_set() -> None:
    """Sent as UTF-8, shown as Latin-1, and as escapes."""
    sent = make_record(1, request_body=b"user=a&password=" + quote("pässwörd-€1").encode())
    for echo in ("pässwörd-€1".encode(), json.dumps("pässwörd-€1").encode()):
        assert b"rd-" not in (redacted(sent, _answer(echo))[1].record.response_body or b"")

    sent = make_record(1, request_body=b"user=a&password=" + quote("pässwörd-1").encode())
    shown = redacted(sent, _answer("a pässwörd-1".encode("latin-1")))[1].record
    assert b"a <PASSWORD_A>" == shown.response_body


def test_a_password_of_pictures() -> None:
    """JSON writes them as pairs of surrogates."""
    password = "🔑🔒horse🐎1"
    sent = make_record(1, request_body=json.dumps({"password": password}).encode())

    shown = redacted(sent, _answer(f"it is {password}!".encode()))[1].record

    assert b"it is <PASSWORD_A>!" == shown.response_body


def test_a_password_with_every_separator() -> None:
    """Nothing of it is cut off by a separator that it holds."""
    password = "a&b=c;d\"e'f<g>h\\i%41 j+k1"
    form = make_record(1, request_body=f"password={quote(password, safe='')}".encode())
    body = json.dumps({"password": password}).encode()

    shown = redacted(form, _answer(body))

    assert b"password=<PASSWORD_A>" == shown[0].record.request_body
    assert b'{"password": "<PASSWORD_A>"}' == shown[1].record.response_body


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-16"])
def test_wide_characters(codec: str) -> None:
    """With and without a mark at the beginning."""
    shown = redacted(COOKIE, _answer(f"the id: {VALUE}".encode(codec)))[1].record

    assert VALUE.encode("utf-16-le")[:-1] not in (shown.response_body or b"")
    assert b"<COOKIE_A>" in (shown.response_body or b"")


def test_binary_messages_and_bodies() -> None:
    """Zero bytes, wrong UTF-8 and lengths around it do not hide it."""
    raw = b"\x00\xff\x10" + VALUE.encode() + b"\x80\x00"
    record = make_record(2, request_body=raw, messages=(make_message(raw, kind="binary"),))

    shown = redacted(COOKIE, record)[1].record

    assert b"\x00\xff\x10<COOKIE_A>\x80\x00" == shown.request_body == shown.messages[0].content


def test_a_value_with_zero_bytes_and_wrong_utf8() -> None:
    """Any bytes can be a value."""
    value = b"\xff\xfe\x00k7d8f9\x80"

    assert [] == _survivors(b"k7d8f9", _cookie(value), _answer(b"<" + value + b">"))


@pytest.mark.parametrize("length", [1023, 1025, 5000, 65537, 1 << 20])
def test_a_very_long_token(length: int) -> None:
    """Its first 64 KiB are found elsewhere; where it was found, all of it is hidden."""
    value = (base64.b85encode(bytes(range(256)) * 64) * (length // 1000 + 1))[:length].replace(b";", b"_")
    value = value.replace(b"%", b"_").replace(b'"', b"_").replace(b"&", b"_")
    shown = redacted(_cookie(value), _answer(b"begin " + value[:65536] + b" end"))

    assert b"sid=<COOKIE_A>" == shown[0].record.request_headers[0][1]
    assert b"begin <COOKIE_A> end" == shown[1].record.response_body


def test_a_nest_of_values_takes_no_square_of_time() -> None:
    """A server that sets a, aa, aaa, ... and answers with a's."""
    cookies = [(b"Set-Cookie", b"c=" + b"a1" * length) for length in range(4, 300)]
    record = make_record(1, response_headers=tuple(cookies), response_body=b"a1" * (1 << 17))

    (shown,) = redacted(record)

    assert b"a1" not in (shown.record.response_body or b"")


def test_more_values_than_can_be_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """The export is refused with a word on how to narrow it."""
    monkeypatch.setattr(vault, "MOST_VALUES", 50)
    redaction = Redaction()
    cookies = b"; ".join(b"c=%d-value-of-a-cookie" % number for number in range(100))

    with pytest.raises(ExportError, match="different values") as raised:
        redaction.learn(_cookie(cookies))

    assert "--since" in raised.value.mend


def test_a_value_that_is_part_of_the_host() -> None:
    """A tenant's name in a cookie does not hide the host, which an export must tell."""
    record = make_record(
        1,
        url="https://acme-7.example.com/",
        host="acme-7.example.com",
        request_headers=((b"Host", b"acme-7.example.com"), (b"Cookie", b"tenant=acme-7.example; t=acme-7.e")),
    )
    redaction = Redaction()
    redaction.learn(record)

    shown = redaction.show(record).record

    assert "https://acme-7.example.com/" == shown.row.url
    assert b"tenant=<COOKIE_A>; t=<COOKIE_B>" == shown.request_headers[1][1]
    assert redaction.check([shown.row.url.encode(), shown.row.host.encode()]) is None


def test_placeholders_that_a_server_wrote() -> None:
    """None of them is given to a secret: a script would put it where the server wants it."""
    faked = "".join(f"<{prefix}_{letter}>" for prefix in ("TOKEN", "COOKIE") for letter in "ABC")

    shown = redacted(COOKIE, _answer(faked.encode()))

    assert ["COOKIE_D"] == [each.name for each in shown[0].hidden]
    assert faked.encode() == shown[1].record.response_body
    assert () == shown[1].hidden


def test_placeholders_in_any_spelling_pass_the_check() -> None:
    """A format escapes them as it escapes all else."""
    redaction = Redaction()
    redaction.learn(COOKIE)
    redaction.show(COOKIE)
    finished = b"""Bearer <TOKEN_A> password=%3CPASSWORD_A%3E; {"a": "\\u003cTOKEN_A\\u003e"} &lt;KEY_A&gt;
        -H 'Authorization: Basic '"$CREDENTIALS_A" 0123456789abcdef0123456789abcdef"""

    assert redaction.check([finished]) is None


def test_a_later_exchange_tells_the_secret_of_an_earlier_one() -> None:
    """All is learned before anything is shown."""
    assert [] == _survivors(VALUE.encode(), _answer(VALUE.encode()), COOKIE)


def test_an_empty_export() -> None:
    """Nothing to hide, nothing to find."""
    redaction = Redaction()

    assert redaction.check([]) is None
    assert () == redaction.show(make_record()).hidden


@pytest.mark.parametrize(
    "text",
    [
        b"username=alice&password=hunter2",
        b"Server=db1;User Id=sa;Password=hunter2;",
        b"Server=db1;User Id=sa;Password=a&b;Encrypt=yes",
    ],
)
def test_what_a_page_escapes_is_no_connection_string(text: bytes) -> None:
    """The semicolons of ``&amp;`` and ``&lt;`` once stopped every page that showed a sign-in."""
    record = make_record(1, request_body=text)
    redaction = Redaction()
    redaction.learn(record)

    page = written(HtmlExporter(), [redaction.show(record)])

    assert redaction.check([page]) is None
    assert b"hunter2" not in page
    assert b"a&amp;b" not in page
