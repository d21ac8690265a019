"""Check digits: a right number passes, the same with one digit changed does not."""

from __future__ import annotations

import pytest

from fairwitness.detect.checksums import CHECKS, is_card, is_iban

_RIGHT = {
    "steuer": "86095742719",
    "nir": "255081416802538",
    "dni": "12345678Z",
    "nie": "X1234567L",
    "codice": "RSSMRA85T10A562S",
    "bsn": "111222333",
    "pesel": "44051401359",
    "cpf": "52998224725",
    "aad": "234123412346",
}


def _changed(text: str, at: int = 3) -> str:
    return text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]


@pytest.mark.parametrize(("name", "value"), _RIGHT.items())
def test_check_digits_of_national_ids_agree(name: str, value: str) -> None:
    """Published examples pass; a slip in one place does not."""
    check = dict(CHECKS)[name]
    slip = _changed(value, 6 if name == "codice" else 3)

    assert (True, False) == (check(value), check(slip))


def test_iban_is_checked_by_97() -> None:
    """The example of the standard passes."""
    assert (True, False) == (is_iban("DE89370400440532013000"), is_iban("DE88370400440532013000"))


def test_card_needs_prefix_and_sum_and_is_no_test_number() -> None:
    """Luhn's sum alone is one number in ten."""
    assert [True, False, False, False] == [
        is_card(each)
        for each in ("4539148803436467", "4539148803436468", "4242424242424242", "9999999999999995")
    ]
