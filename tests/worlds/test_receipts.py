"""Receipts and forms: the target says what is printed, and every box lies on its ink."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from worlds.receipts import HEIGHT, WIDTH, Document, form, receipt, receipts
from worlds.typeset import turned, width

from vit_attention import compat  # noqa: F401  isort: skip
from transformers import DonutProcessor  # isort: skip


def pages() -> list[Document]:
    drawn = [receipt(s, 1 + s % 5) for s in range(10)]
    return drawn + [receipt(s, 3, invented=True) for s in range(3)] + [form(s) for s in range(4)]


@pytest.mark.parametrize("page", pages(), ids=lambda p: f"{p.task}{p.seed}")
def test_every_value_is_printed_where_its_boxes_say(page: Document) -> None:
    for piece in page.pieces:
        if not piece.words:
            continue
        for number, text in enumerate(piece.text.split(" ")):
            word = page.words[piece.words[number]]
            assert word.text.startswith(text)
            assert len(word.characters) == len(word.text)
            for left, top, right, bottom in word.characters:
                assert 0 <= left < right <= WIDTH
                assert 0 <= top < bottom <= HEIGHT


@pytest.mark.parametrize("page", pages(), ids=lambda p: f"{p.task}{p.seed}")
def test_ink_lies_in_the_boxes_and_nowhere_else(page: Document) -> None:
    grey = page.pixels.mean(axis=2)
    smooth = np.median(grey[::8, ::8])
    dark = grey < smooth - 60
    covered = np.zeros_like(dark)
    for word in page.words:
        left, top, right, bottom = (round(v) for v in word.box)
        box = np.s_[max(top - 3, 0) : bottom + 4, max(left - 3, 0) : right + 4]
        covered[box] = True
        assert dark[box].mean() > 0.03, word.text
    rules = dark & ~covered
    # What is left is the dashed rules: thin, and little.
    assert rules.mean() < 0.01


def test_the_target_is_what_the_truth_says() -> None:
    """The library's own reader of Donut sequences gives the truth back."""
    processor = DonutProcessor.__new__(DonutProcessor)
    for page in pages():
        assert processor.token2json(page.sequence, added_vocab={}) == page.truth


def test_totals_are_sums_and_prices_are_money() -> None:
    for page in (receipt(s) for s in range(30)):
        menu = page.truth["menu"]
        items = menu if isinstance(menu, list) else [menu]
        assert sum(round(100 * float(item["price"])) for item in items) == round(100 * float(page.truth["total"]))
        assert all(re.fullmatch(r"\d{1,2}\.\d\d", item["price"]) and item["cnt"] in "123456789" for item in items)


def test_a_seed_always_draws_the_same_page_and_another_seed_another() -> None:
    one, again, other = receipt(5, 2), receipt(5, 2), receipt(6, 2)
    np.testing.assert_array_equal(one.pixels, again.pixels)
    assert json.dumps(one.truth) == json.dumps(again.truth) != json.dumps(other.truth)
    assert [p.seed for p in receipts(3, seed=9)] == [9, 10, 11]
    assert receipt(5, 2, invented=True).sequence != one.sequence


@pytest.mark.parametrize("lines", [0, 6])
def test_other_numbers_of_lines_are_refused(lines: int) -> None:
    with pytest.raises(ValueError, match="want 1 to 5"):
        receipt(1, lines)


def test_boxes_turn_with_the_page() -> None:
    """A quarter turn by hand: the corner (0, 0) of a page of 100 x 60 goes to the left bottom, about the middle."""
    left, top, right, bottom = turned((0, 0, 10, 4), 90, (100, 60))
    assert (left, top, right, bottom) == pytest.approx((20, 70, 24, 80))


def test_a_wider_text_needs_more_room() -> None:
    assert width(("mm",), "DejaVuSansMono", 20) == pytest.approx(2 * width(("m",), "DejaVuSansMono", 20))
