"""Names that mean a credential."""

from __future__ import annotations

import re

import pytest

from fairwitness.detect.words import STEM, kind_of_name

CREDENTIALS = {
    "access_token": "token", "accessToken": "token", "user[password]": "password",
    "password_confirmation": "password", "newPassword2": "password", "PHPSESSID": "cookie",
    "sessionId": "cookie", "session_id": "cookie", "csrfmiddlewaretoken": "token",
    "authenticity_token": "token", "__RequestVerificationToken": "token", "X-XSRF-TOKEN": "token",
    "apikey": "key", "api_key": "key", "x-api-key": "key", "AWS_SECRET_ACCESS_KEY": "key",
    "client_secret": "key", "SAMLResponse": "token", "otp": "code", "verificationCode": "code",
    "cvv": "code", "code_verifier": "code", "login_challenge": "code", "sig": "signature",
    "X-Amz-Signature": "signature", "JWT": "token", "db.password": "password", "passwordHash": "password",
    "idToken": "token",
}  # fmt: skip
OTHERS = [
    "token_type", "tokens_used", "max_tokens", "author", "authority", "keyboard", "key", "id", "keyId",
    "monkey", "code", "country_code", "status_code", "zipcode", "has_password", "is_token",
    "password_policy", "token_endpoint", "tokenExpires", "csrf_param", "sessions_count", "session_duration",
    "design", "signature_method", "compass", "passenger", "secretary", "authenticated", "idempotency-key",
    "public_key", "primary_key", "state", "", "___", "pinned", "cookieConsent",
]  # fmt: skip


@pytest.mark.parametrize("name", CREDENTIALS)
def test_a_credential_is_known_by_its_name(name: str) -> None:
    """In every way of writing names; and texts are searched for its stem."""
    assert CREDENTIALS[name] == kind_of_name(name)
    assert re.search(STEM, name.encode())


@pytest.mark.parametrize("name", OTHERS)
def test_a_name_that_only_looks_so_is_none(name: str) -> None:
    """The last word decides."""
    assert kind_of_name(name) is None
