"""The findings of the page on one query, on weights whose answers are known."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.tutorials.findings.hand import context, everywhere
from tutorials.findings import query
from tutorials.findings.context import Context

GRID = (3, 3)


def one_hot(token: int, query_token: int) -> np.ndarray:
    """(10, 10) uniform weights, except that `query_token` reads only `token`."""
    table = np.full((10, 10), 0.1)
    table[query_token] = np.eye(10)[token]
    return table


@pytest.mark.parametrize(
    ("asking", "reads", "right"),
    [
        (5, 5, (query.ITSELF,)),
        (5, 1, (query.NEIGHBOUR,)),
        (1, 9, (query.FURTHER,)),
        (1, 3, (query.FURTHER,)),
        (5, 0, (query.SPECIAL,)),
        (0, 0, (query.ITSELF, query.SPECIAL)),
        (0, 4, (query.FURTHER,)),
    ],
)
def test_strongest_key_is_told_apart_by_place(asking: int, reads: int, right: tuple[str, ...]) -> None:
    assert query.strongest_key(context([[one_hot(reads, asking)]], GRID, query=asking)).answer == right


def test_strongest_key_of_several_patches_takes_the_mean_row_and_says_what_lies_there() -> None:
    table = np.full((10, 10), 0.1)
    table[1], table[2] = np.eye(10)[9], np.eye(10)[9]
    mask = np.zeros(GRID)
    mask[2, 2] = 1
    found = query.strongest_key(context([[table]], GRID, mask, query=1, patches=(0, 1)))
    assert found.answer == (query.FURTHER,)
    assert "2 patches together" in found.text
    assert "100% of it covered" in found.text


def test_most_to_itself_counts_patches_and_not_the_class_token() -> None:
    assert query.most_to_itself(context([[np.eye(10)]], GRID)).answer is True
    found = query.most_to_itself(context([[everywhere(np.eye(10)[0])]], GRID))
    assert found.answer is False
    assert "0 of 9 patches" in found.text


def test_object_to_object_compares_with_the_ground_and_with_equal_shares() -> None:
    mask = np.zeros(GRID)
    mask[0, :2] = 1  # tokens 1 and 2
    own = np.full((10, 10), 0.1)
    own[1] = own[2] = np.r_[0, 0.5, 0.5, np.zeros(7)]
    found = query.object_to_object(context([[own]], GRID, mask))
    assert found.answer is True
    assert "100.0% of their weight" in found.text
    assert "20.0%" in found.text
    everyone = everywhere(np.r_[0, 0.5, 0.5, np.zeros(7)])
    assert query.object_to_object(context([[everyone]], GRID, mask)).answer is False
    assert query.object_to_object(context([[own]], GRID)).answer is None
    one_patch = np.zeros(GRID)
    one_patch[0, 0] = 1
    assert query.object_to_object(context([[own]], GRID, one_patch)).answer is None


def test_symmetric_is_the_correlation_with_the_mirror_image(rng: np.random.Generator) -> None:
    raw = rng.random((9, 9))
    both = (raw + raw.T) / 20
    table = np.zeros((10, 10))
    table[1:, 1:] = both
    table[:, 0] += 1 - table.sum(axis=1)  # rows add up through the class token, which does not count
    assert query.symmetric(context([[table]], GRID)).answer is True
    shift = np.roll(np.eye(10), 1, axis=1)
    found = query.symmetric(context([[shift]], GRID))
    assert found.answer is False
    there, back = shift[1:, 1:][~np.eye(9, dtype=bool)], shift[1:, 1:].T[~np.eye(9, dtype=bool)]
    assert f"{np.corrcoef(there, back)[0, 1]:.2f}" in found.text


@pytest.fixture
def known() -> Context:
    """Head 2 of two: the query (2, 0, 0, 0) against keys whose scaled products are 3, 2, 0, ..."""
    queries, keys = np.zeros((2, 10, 4)), np.zeros((2, 10, 4))
    queries[1, 5, 0] = 2
    keys[1, 7, 0], keys[1, 2, 0] = 3, 2
    model = SimpleNamespace(queries_and_keys=lambda *_: (queries, keys))
    return context([[np.full((10, 10), 0.1)] * 2], GRID, query=5, head=1, model=model)


def test_second_to_first_is_e_to_the_difference(known: Context) -> None:
    found = query.second_to_first(known)
    assert found.answer == pytest.approx(0.36788, abs=1e-5)
    assert "3.000 and 2.000" in found.text


def test_a_mean_of_heads_falls_back_to_the_first_head(known: Context) -> None:
    mean = replace(known, chosen=replace(known.chosen, head=None))
    assert query.arithmetic_head(mean) == 0
    assert query.live_steps(mean).weights.tolist() == [0.1] * 10
    assert query.scale_softens(mean).text.count("3.32 bits") == 2  # all products are 0: no scale can sharpen them


def test_scale_softens_gives_both_largest_weights(known: Context) -> None:
    found = query.scale_softens(known)
    powers = np.exp([3, 2, *[0] * 8])
    without = np.exp(np.array([6, 4, *[0] * 8]))
    assert found.answer is None, "a demonstration"
    assert f"{powers[0] / powers.sum():.1%}" in found.text
    assert f"{without[0] / without.sum():.1%}" in found.text
