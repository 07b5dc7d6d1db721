"""Sizes of a study: the power against all outcomes counted one by one, and against classes that were thrown."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from tutorials.claims import sign_test
from tutorials.study.size import MOST, power, students
from vit_attention.gate import GateError


@pytest.mark.parametrize(
    ("pairs", "up", "down", "level"), [(12, 0.4, 0.1, 0.05), (20, 0.3, 0.05, 0.01), (9, 1, 0, 0.05)]
)
def test_the_power_is_the_probability_of_all_outcomes_that_are_found(
    pairs: int, up: float, down: float, level: float
) -> None:
    total = 0.0
    for ups in range(pairs + 1):
        for downs in range(pairs - ups + 1):
            chance = comb(pairs, ups) * comb(pairs - ups, downs) * up**ups * down**downs
            total += chance * (1 - up - down) ** (pairs - ups - downs) * (sign_test(ups, downs) <= level)
    assert power(pairs, up, down, level) == pytest.approx(total, abs=1e-9)


def test_the_test_errs_no_more_often_than_its_level_says() -> None:
    assert max(power(pairs, 0.2, 0.2) for pairs in range(1, MOST + 1)) <= 0.05


def test_a_size_is_the_first_after_which_every_class_is_large_enough() -> None:
    found = students(0.30, 0.05)
    assert power(found - 1, 0.30, 0.05) < 0.8 <= min(power(n, 0.30, 0.05) for n in range(found, MOST + 1))
    thrown = np.random.default_rng(0).multinomial(found, [0.30, 0.05, 0.65], 4000)
    seen = {(int(up), int(down)) for up, down, _ in thrown}
    tested = {pair: sign_test(*pair) <= 0.05 for pair in seen}
    share = np.mean([tested[int(up), int(down)] for up, down, _ in thrown])
    assert share == pytest.approx(power(found, 0.30, 0.05), abs=0.02)  # three standard errors of 4,000


@pytest.mark.parametrize("wrong", [(0.0, 0.0), (0.7, 0.5), (-0.1, 0.3), (float("nan"), 0.1)])
def test_shares_that_are_none_are_refused(wrong: tuple[float, float]) -> None:
    with pytest.raises(GateError, match="shares: want two from 0 to 1"):
        students(*wrong)


def test_a_change_that_no_class_can_show_is_refused() -> None:
    with pytest.raises(GateError, match="a change that 500 students can show"):
        students(0.011, 0.01)
