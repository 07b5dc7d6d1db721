from __future__ import annotations

import unicodedata

import pytest
from matplotlib import get_data_path
from matplotlib.ft2font import FT2Font

from visualizer.style import letters

DEJAVU = FT2Font(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf").get_charmap()


def numbers(text: str) -> str:
    return "".join(f"\\u{ord(c):04x}" if ord(c) < 1 << 16 else f"\\U{ord(c):08x}" for c in text)


def test_what_the_typeface_has_is_what_its_own_table_says() -> None:
    for code in [*range(0x21, 0x7F), *range(0xC0, 0x250), *range(0x370, 0x590), *range(0x900, 0xA00), 0x4E00, 0x1F468]:
        sign = chr(code)
        if len(unicodedata.normalize("NFC", sign)) == 1 and sign.isprintable() and not sign.isspace():
            assert (letters.drawable(sign) == unicodedata.normalize("NFC", sign)) == (code in DEJAVU), hex(code)


@pytest.mark.parametrize(
    "text",
    [
        "図像",
        "한국",
        "नमस्ते",
        "ไทย",
        "👨‍👩‍👧🏽",
        "\ud800",
        "\x00\x1b",
        "\u202e\u200b\ufeff",
        "\ue000",
        "\u2028",
        "\u0378",
    ],
)
def test_other_letters_become_their_numbers_with_a_remark(text: str) -> None:
    drawn = letters.drawable(text)
    assert drawn == "".join(sign if ord(sign) in DEJAVU and sign.isprintable() else numbers(sign) for sign in text)
    assert letters.remark(["plain", text]) == letters.REMARK


@pytest.mark.parametrize("text", ["Übung ß", "Привет", "Ελλάδα", "∑ ≤ 0.5", "two  words", "e\u0301", "𝔸"])
def test_letters_it_has_stay_without_a_remark(text: str) -> None:
    assert letters.drawable(text) == unicodedata.normalize("NFC", text)
    assert not letters.remark([text])


def test_blanks_of_every_kind_are_blanks() -> None:
    assert letters.drawable("a\u3000b\u00a0c\td\r\ne") == "a b c d \ne"


def test_what_must_be_joined_or_turned_is_drawn_only_by_what_does_it() -> None:
    assert letters.drawable("שלום مرحبا", shaped=True) == "שלום مرحبا"
    assert letters.drawable("שלום", shaped=False) == numbers("שלום")
    assert letters.remark(["שלום"], shaped=False)


def test_lines_keep_to_their_room_and_lose_no_letter() -> None:
    text = "some words and a_very_long_name_without_any_blank_in_it 図像図像図像図像"
    lines = letters.wrapped(text, 120, 12)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert max(letters.typeface(12).getlength(line) for line in lines) <= 120
    assert letters.wrapped("", 10, 12) == []
