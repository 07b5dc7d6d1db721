"""Counts to verdicts: intervals and p values against their definitions, and every sentence a verdict can say."""

from __future__ import annotations

from math import comb, sqrt

import pytest

from tutorials.claims import Verdict, holm, judged, sign_test, wilson
from vit_attention.gate import GateError


@pytest.mark.parametrize(("held", "tested"), [(0, 5), (5, 5), (44, 50), (1, 7)])
def test_the_interval_is_wilsons(held: int, tested: int) -> None:
    z, share = 1.959963984540054, held / tested
    middle = (share + z**2 / (2 * tested)) / (1 + z**2 / tested)
    half = z * sqrt(share * (1 - share) / tested + z**2 / (4 * tested**2)) / (1 + z**2 / tested)
    assert wilson(held, tested) == pytest.approx((middle - half, middle + half), abs=1e-9)


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (5, 0), (3, 1), (2, 7), (10, 10)])
def test_the_sign_test_counts_all_outcomes_at_least_as_uneven(wins: int, losses: int) -> None:
    count = wins + losses
    uneven = [k for k in range(count + 1) if abs(2 * k - count) >= abs(wins - losses)]
    assert sign_test(wins, losses) == pytest.approx(sum(comb(count, k) for k in uneven) / 2**count)


def test_holm_by_hand() -> None:
    made = {
        name: Verdict(1, 2, 0, (0, 1), (("a", 1, 2),), p) for name, p in zip("abc", (0.01, 0.04, 0.03), strict=True)
    }
    bare = Verdict(1, 2, 0, (0, 1), (), None)
    found = holm({**made, "bare": bare})
    # 0.01 x 3; then 0.03 x 2; then 0.04 x 1, which may not be smaller than the one before.
    assert [found[name].p for name in "abc"] == pytest.approx([0.03, 0.06, 0.06])
    assert [found[name].of for name in "abc"] == [3, 3, 3]
    assert found["bare"] is bare
    assert (
        holm({"a": Verdict(1, 1, 0, (0, 1), (("a", 1, 1),), 0.9), "b": Verdict(1, 1, 0, (0, 1), (), 0.8)})["a"].p == 1
    )


def test_pictures_that_cannot_be_tested_count_neither_for_the_claim_nor_for_its_controls() -> None:
    own = [True, True, True, False, None, None]
    found = judged(own, {"centre": [True, False, None, True, True, True], "blobs": [False] * 6}, "why")
    assert (found.held, found.tested, found.untestable, found.text) == (3, 4, 2, "why")
    assert found.controls == (("centre", 2, 3), ("blobs", 0, 4))
    assert (found.wins, found.losses) == (1, 1)
    assert found.p == 1


def test_the_best_control_is_the_one_with_the_largest_share() -> None:
    found = judged([True] * 4, {"rare": [True, None, None, None], "often": [True, True, False, False]})
    assert found.best == ("rare", 1, 1)
    assert judged([True], {"never": [None]}).p is None


def test_a_control_with_other_pictures_is_refused() -> None:
    with pytest.raises(GateError, match="control centre: want 2 answers, as many as the claim has, got 1"):
        judged([True, False], {"centre": [True]})


@pytest.mark.parametrize(
    ("own", "other", "said"),
    [
        ([True] * 8, [False] * 8, "better than centre with p = 0.0078 (exact paired sign test)"),
        ([False] * 8, [True] * 8, "worse than centre with p = 0.0078 (exact paired sign test)"),
        ([True] * 8, [True] * 7 + [False], "no clear difference from centre with p = 1 (exact paired sign test)"),
        ([True] * 20, [False] * 20, "better than centre with p < 0.001 (exact paired sign test)"),
    ],
)
def test_a_difference_is_named_only_where_it_is_clear(own: list[bool], other: list[bool], said: str) -> None:
    assert said in judged(own, {"centre": other}).words


def test_words_of_a_family_of_claims() -> None:
    one = judged([True] * 12 + [None], {"centre": [False] * 13})
    words = holm({"a": one, "b": one})["a"].words
    assert words == (
        "holds on 12 of 12 scenes, 95 % interval 76 % to 100 %; controls: centre 0 of 12; better than centre with "
        "p < 0.001 (exact paired sign test, Holm over 2 claims); cannot be tested on 1 more"
    )


@pytest.mark.parametrize(("count", "enough"), [(7, False), (19, False), (20, True)])
def test_few_photographs_give_counts_and_no_verdict(count: int, enough: bool) -> None:
    found = judged([True] * count, {"centre": [False] * count}, things="outlined photographs")
    assert f"holds on {count} of {count} outlined photographs" in found.words
    assert ("interval" in found.words) is ("better than" in found.words) is (found.p is not None) is enough
    assert ("no verdict, which takes 20" in found.words) is not enough


def test_a_claim_that_can_be_tested_nowhere_says_why() -> None:
    found = judged([None] * 3, {"centre": [True] * 3}, "This needs 2 objects.")
    assert found.words == "cannot be tested on any of 3 scenes. This needs 2 objects."
    assert found.p is None
