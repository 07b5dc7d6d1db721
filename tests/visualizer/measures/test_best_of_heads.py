"""The best of many heads against the best of many under chance."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from visualizer.measures.best_of_heads import best_of_heads, exchanged, flipped


def test_chosen_among_many_a_good_score_is_no_surprise(rng: np.random.Generator) -> None:
    """Of 100 heads that know nothing some head is above its own 95 % level nearly always, above that of the best seldom."""
    passed = []
    for _ in range(200):
        scores = rng.standard_normal((100, 100))
        passed.append(best_of_heads(scores[0], scores[1:]).passed.any())
    assert np.mean(passed) < 0.12


def test_p_counts_the_draws_whose_best_is_as_good() -> None:
    chance = np.array([[0.1, 0.5], [0.3, 0.2], [0.2, 0.2]])
    found = best_of_heads([0.3, 0.6], chance)
    assert found.p == pytest.approx([(1 + 2) / 4, 1 / 4])
    assert best_of_heads([np.nan, 0.6], chance).p[0] != best_of_heads([np.nan, 0.6], chance).p[0]  # NaN
    assert not best_of_heads([np.nan, 0.6], chance).passed[0]


def test_exchanged_truths_give_the_mean_over_every_order() -> None:
    rng = np.random.default_rng(1)
    table = rng.random((4, 4, 3))
    tested = exchanged(table, draws=4000)
    assert tested.values == pytest.approx(np.mean([table[n, n] for n in range(4)], axis=0))
    every = [np.mean([table[n, m] for n, m in enumerate(order)], axis=0) for order in permutations(range(4))]
    best = np.max(every, axis=1)
    for head in range(3):
        wanted = np.mean(best >= tested.values[head] - 1e-12)
        assert tested.p[head] == pytest.approx(wanted, abs=0.03)


def test_a_head_that_knows_the_truth_passes_and_one_that_likes_the_middle_does_not() -> None:
    rng = np.random.default_rng(2)
    knows = np.eye(12)[..., None] * 0.4 + 0.5
    middle = np.full((12, 12, 1), 0.8)  # as good with every picture's truth
    tested = exchanged(np.concatenate([knows, middle + 0.01 * rng.random((12, 12, 1))], axis=2))
    assert tested.passed.tolist() == [True, False]


def test_flipped_halves_of_a_head_that_favours_one_side_are_no_surprise() -> None:
    seeks = np.full((10, 1), 0.8)
    favours = np.where(np.arange(10) % 2, 0.9, 0.1)[:, None]  # the texture lies there in half of the pictures
    tested = flipped(np.concatenate([seeks, favours], axis=1))
    assert tested.values == pytest.approx([0.8, 0.5])
    # The second head reaches 0.8 where at least 9 of 10 coins fall alike, the first where all do.
    assert tested.p[0] == pytest.approx((10 + 1 + 1) / 1024, abs=0.006)
    assert tested.passed.tolist() == [True, False]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: best_of_heads([1.0], [[1.0, 2.0]]), r"want \(heads,\) and \(draws, heads\)"),
        (lambda: best_of_heads([1.0], [[np.nan]]), "chance: want at least one draw with a score, got none"),
        (lambda: exchanged(np.zeros((1, 1, 3))), "table: want .* two pictures or more"),
        (lambda: exchanged(np.zeros((2, 3, 3))), "as many truths"),
        (lambda: exchanged(np.zeros((2, 2, 3)), draws=0), "draws: want at least 1, got 0"),
        (lambda: flipped(np.zeros((2, 2, 3))), r"table: want \(pictures, heads\)"),
    ],
)
def test_what_does_not_fit_is_refused(ask, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ask()
