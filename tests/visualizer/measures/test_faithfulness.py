"""Orders, curves and areas by hand, and what every score has to tell apart."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from visualizer.measures import faithfulness as f
from visualizer.measures.faithfulness import Curve, Faithfulness
from vit_attention.gate import GateError

SHARES = np.array([[0.4, 0.1], [0.2, 0.3]])
"""A model of 2 x 2 patches whose score is the sum of what is seen of these."""


def score(covers: np.ndarray) -> np.ndarray:
    return (~covers * SHARES).sum(axis=(1, 2))


def curves(values: np.ndarray) -> tuple[Curve, Curve]:
    covers = f.deleted(f.strongest_first(values), (2, 2), 4)
    x = covers.mean(axis=(1, 2))
    return (
        Curve(f.MAP, f.DELETION, "zero", x, score(covers)[None]),
        Curve(f.MAP, f.INSERTION, "zero", x, score(~covers)[None]),
    )


def test_the_curves_of_a_sum_are_known() -> None:
    deletion, insertion = curves(SHARES)
    np.testing.assert_allclose(deletion.shares, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(deletion.scores, [1, 0.6, 0.3, 0.1, 0], atol=1e-12)
    np.testing.assert_allclose(insertion.scores, [0, 0.4, 0.7, 0.9, 1], atol=1e-12)
    # Trapezoids of width a quarter: half of both ends and the three points between them.
    assert deletion.auc == pytest.approx(0.25 * (0.5 + 0.6 + 0.3 + 0.1))
    assert insertion.auc == pytest.approx(0.25 * (0.4 + 0.7 + 0.9 + 0.5))


def test_no_order_deletes_faster_than_that_of_the_truth() -> None:
    best, worst = curves(SHARES)[0].auc, curves(-SHARES)[0].auc
    every = [curves(np.reshape(order, (2, 2)))[0].auc for order in permutations(range(4))]
    assert best == pytest.approx(min(every))
    assert worst == pytest.approx(max(every))
    assert best < np.mean(every) < worst
    assert curves(np.roll(SHARES, 1, axis=1))[0].auc > best


def test_equals_stand_in_an_order_of_the_seed_and_the_undefined_last() -> None:
    values = np.array([[2.0, np.nan, 1.0, 1.0, 1.0, -3.0]])
    found = f.strongest_first(values)
    assert found[0] == 0
    assert {*found[1:4].tolist()} == {2, 3, 4}
    assert found[4:].tolist() == [5, 1]
    np.testing.assert_array_equal(found, f.strongest_first(values))
    orders = {tuple(f.strongest_first(np.ones(6), seed).tolist()) for seed in range(20)}
    assert len(orders) > 15
    firsts = [f.strongest_first(np.ones(6), seed)[0] for seed in range(200)]
    assert {*firsts} == {*range(6)}


def test_steps_are_equal_and_end_at_everything() -> None:
    assert f.counts(196, 10).tolist() == [0, 20, 39, 59, 78, 98, 118, 137, 157, 176, 196]
    assert f.counts(7, 7).tolist() == [*range(8)]
    covers = f.deleted(np.random.default_rng(0).permutation(12), (3, 4), 5)
    assert covers.sum(axis=(1, 2)).tolist() == [0, 2, 5, 7, 10, 12]
    assert (covers[1:] >= covers[:-1]).all()  # what is covered stays so
    for steps in (0, 13, 2.5, True):
        with pytest.raises(GateError):
            f.deleted(np.arange(12), (3, 4), steps)  # type: ignore[arg-type]


def test_several_curves_at_once_have_the_areas_of_each() -> None:
    x, y = np.array([0, 0.1, 0.7, 1]), np.random.default_rng(1).random((3, 4))
    np.testing.assert_allclose(f.area_under(x, y), [np.trapezoid(one, x) for one in y])


def test_road_is_half_the_mean_gap() -> None:
    most, least = [0.2, 0.0, 0.0], [1.0, 0.6, 0.2]
    assert f.road_score(most, least) == pytest.approx((0.8 + 0.6 + 0.2) / 3 / 2)
    assert f.road_score(least, most) == -f.road_score(most, least)
    assert f.road_score(most, most) == 0


def test_a_result_finds_its_curves_and_makes_a_table() -> None:
    x = np.array([0.1, 0.5, 0.9])
    draws = np.array([[0.5, 0.4, 0.3], [0.7, 0.6, 0.5]])
    found = Faithfulness(
        "the class ring",
        "probability",
        (
            *curves(SHARES),
            Curve(f.MAP, f.MOST_FIRST, f.ROAD, x, np.array([[0.2, 0.1, 0.0]])),
            Curve(f.MAP, f.LEAST_FIRST, f.ROAD, x, np.array([[1.0, 0.9, 0.8]])),
            Curve(f.RANDOM, f.DELETION, "zero", x, draws),
        ),
    )
    assert found.orders == (f.MAP, f.RANDOM)
    assert found.baselines == ("zero",)
    assert {name: one.tolist() for name, one in found.road.items()} == {f.MAP: [pytest.approx(0.4)]}
    random = found.curve(f.DELETION, f.RANDOM)
    np.testing.assert_allclose(random.areas, [0.4, 0.6])  # mean heights of straight lines
    first, second = found.table()
    assert first["deletion AUC, zero"] == pytest.approx(0.375)
    assert first["ROAD"] == pytest.approx(0.4)
    assert second == {"order": f.RANDOM, "draws": 2, "deletion AUC, zero": pytest.approx(0.5)}
    with pytest.raises(GateError, match="insertion by random order on None"):
        found.curve(f.INSERTION, f.RANDOM)
    with pytest.raises(GateError):
        Curve(f.MAP, f.DELETION, "zero", x, draws[:, :2])


def test_random_orders_are_orders_and_differ() -> None:
    found = f.random_orders(30, 4)
    assert all(sorted(one.tolist()) == [*range(30)] for one in found)
    assert len({tuple(one.tolist()) for one in found}) == 4
    np.testing.assert_array_equal(found, f.random_orders(30, 4))
