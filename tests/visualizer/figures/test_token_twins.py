"""Two texts on one scale, and their difference where the tokens agree."""

from __future__ import annotations

from difflib import SequenceMatcher
from itertools import pairwise

import numpy as np
import pytest

import vit_attention as va
from visualizer import by_words
from visualizer.figures.token_twins import aligned, token_difference, token_twins

FIRST, SECOND = "The soup was not good.", "The soup was good."


@pytest.fixture(scope="module")
def records() -> tuple[va.AttentionRecord, va.AttentionRecord]:
    model = va.load("review-encoder")
    return model.attend(FIRST), model.attend(SECOND)


def test_both_share_the_largest_weight(records: tuple) -> None:
    figures = token_twins(*records, 1, 2)
    largest = max(one.maps[1].weights[2].max() for one in records)
    for figure, record in zip(figures, records, strict=True):
        np.testing.assert_allclose(figure.data[0].z, record.maps[1].weights[2], atol=1e-6)
        assert (figure.data[0].zmin, figure.data[0].zmax) == (0, pytest.approx(largest, abs=1e-6))


def test_the_difference_is_second_minus_first_where_tokens_agree(records: tuple) -> None:
    """By hand: [CLS] the soup was (not) good . [SEP]; "not" has no partner."""
    here, there = [0, 1, 2, 3, 5, 6, 7], [0, 1, 2, 3, 4, 5, 6]
    first, second = (one.maps[3].weights.mean(axis=0) for one in records)
    figure = token_difference(*records, 3)
    np.testing.assert_allclose(figure.data[0].z, second[np.ix_(there, there)] - first[np.ix_(here, here)], atol=1e-6)
    assert figure.data[0].zmin == -figure.data[0].zmax
    assert "1 tokens have no partner" in figure.layout.annotations[0].text.replace("<br>", " ")


def test_a_replaced_word_is_named_with_both(records: tuple) -> None:
    other = va.load("review-encoder").attend("The soup was not dreadful.")
    figure = token_difference(by_words(records[0]), by_words(other), 3)
    assert "good / dreadful" in figure.layout.xaxis.ticktext


def test_texts_in_common_with_nothing_are_refused() -> None:
    model = va.load("review-encoder")
    record, other = (by_words(model.attend(text), special=False) for text in ("soup tea", "a b c"))
    with pytest.raises(ValueError, match="want two that have a token in common"):
        token_difference(record, other)


def test_alignment_keeps_the_order_and_every_equal_run() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        first, second = (tuple(rng.choice(list("abcd"), rng.integers(1, 9))) for _ in range(2))
        pairs = aligned(first, second)
        assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))
        equal = sum(block.size for block in SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks())
        assert sum(first[a] == second[b] for a, b in pairs) >= equal
