"""Whether the check digits of a number agree: cards, IBAN and national ids."""

from __future__ import annotations

import re
from collections.abc import Callable

_TESTS = frozenset(  # of payment providers' documentation
    [
        "4242424242424242",
        "4111111111111111",
        "4012888888881881",
        "4000056655665556",
        "4000000000000002",
        "5555555555554444",
        "5105105105105100",
        "5200828282828210",
        "2223003122003222",
        "378282246310005",
        "371449635398431",
        "6011111111111117",
        "6011000990139424",
        "3056930009020004",
        "3566002020360505",
    ]
)
_ISSUERS = re.compile(
    r"4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[47]|6011|65|64[4-9]|35|62|30[0-5]|36|38"
)
_NIF_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        [
            1,
            0,
            5,
            7,
            9,
            13,
            15,
            17,
            19,
            21,
            1,
            0,
            5,
            7,
            9,
            13,
            15,
            17,
            19,
            21,
            2,
            4,
            18,
            20,
            11,
            3,
            6,
            8,
            12,
            14,
            16,
            10,
            22,
            25,
            24,
            23,
        ],
        strict=True,
    )
)
_VERHOEFF_D = tuple(
    tuple(
        ((i + j) % 5 if j < 5 else (i + j - 5) % 5 + 5)
        if i < 5
        else ((i - j) % 5 + 5 if j < 5 else (i - j) % 5)
        for j in range(10)
    )
    for i in range(10)
)
_VERHOEFF_FIRST = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def is_card(digits: str) -> bool:
    """Whether it is a payment card by its issuer's prefix and Luhn's sum, and none from documentation."""
    if not 13 <= len(digits) <= 19 or digits in _TESTS or not _ISSUERS.match(digits):
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_iban(text: str) -> bool:
    """ISO 13616: the remainder by 97 is 1.  Capitals, no spaces."""
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", text):
        return False
    return int("".join(str(int(each, 36)) for each in text[4:] + text[:4])) % 97 == 1


def _ssn(text: str) -> bool:
    return bool(re.fullmatch(r"(?!000|666|9)[0-9]{3}(?!00)[0-9]{2}(?!0000)[0-9]{4}", text))


def _nino(text: str) -> bool:
    return bool(
        re.fullmatch(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]", text)
    )


def _german(text: str) -> bool:
    if not re.fullmatch(r"[1-9][0-9]{10}", text):
        return False
    product = 10
    for digit in text[:10]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(text[10])


def _french(text: str) -> bool:
    if not re.fullmatch(r"[12][0-9]{2}[0-9]{2}(?:[0-9]{2}|2[AB])[0-9]{8}", text):
        return False
    number = text[:13].replace("2A", "19").replace("2B", "18")
    return 97 - int(number) % 97 == int(text[13:])


def _spanish(text: str) -> bool:
    if not re.fullmatch(r"[XYZ0-9][0-9]{7}[A-Z]", text):
        return False
    return _NIF_LETTERS[int(text[:8].translate(str.maketrans("XYZ", "012"))) % 23] == text[8]


def _italian(text: str) -> bool:
    if not re.fullmatch(r"[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]", text):
        return False
    even = sum(int(c) if c.isdigit() else ord(c) - 65 for c in text[1:15:2])
    return (even + sum(_ODD[c] for c in text[0:15:2])) % 26 == ord(text[15]) - 65


def _dutch(text: str) -> bool:
    if not re.fullmatch(r"[0-9]{9}", text) or text == "0" * 9:
        return False
    return (sum(int(c) * (9 - at) for at, c in enumerate(text[:8])) - int(text[8])) % 11 == 0


def _polish(text: str) -> bool:
    if not re.fullmatch(r"[0-9]{11}", text):
        return False
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
    return (10 - sum(int(c) * w for c, w in zip(text, weights, strict=False)) % 10) % 10 == int(text[10])


def _brazilian(text: str) -> bool:
    if not re.fullmatch(r"[0-9]{11}", text) or len(set(text)) == 1:
        return False
    for length in (9, 10):
        rest = sum(int(c) * (length + 1 - at) for at, c in enumerate(text[:length])) * 10 % 11 % 10
        if rest != int(text[length]):
            return False
    return True


def _indian(text: str) -> bool:
    if not re.fullmatch(r"[2-9][0-9]{11}", text):
        return False
    check = 0
    for place, digit in enumerate(reversed(text)):
        value = int(digit)
        for _ in range(place % 8):
            value = _VERHOEFF_FIRST[value]
        check = _VERHOEFF_D[check][value]
    return check == 0


CHECKS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("ssn", _ssn),
    ("social", _ssn),
    ("nino", _nino),
    ("nationalinsurance", _nino),
    ("steuer", _german),
    ("tax", _german),
    ("idnr", _german),
    ("nir", _french),
    ("secu", _french),
    ("dni", _spanish),
    ("nie", _spanish),
    ("nif", _spanish),
    ("codice", _italian),
    ("fiscal", _italian),
    ("bsn", _dutch),
    ("pesel", _polish),
    ("cpf", _brazilian),
    ("aad", _indian),
)
"""What a key begins with, without underscores, and the check of the numbers it names."""
