"""The findings of the field page, and the measuring of heads, against hand-made readings and their definitions."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.tutorials.findings.readings import CELLS, FOUR, POT, SIZE, TEA, TOKENS, TWO, looks, page, reading
from tutorials.findings import fields, findings, head_sample
from tutorials.findings.fields import FAR, NEAR, SAME
from tutorials.findings.head_sample import Sample
from ui.read import field_heads as fields_view
from visualizer.measures.reading_score import FieldScore

PRINTED = (TEA, POT, FOUR, TWO)


def at_hand(*, hits: NDArray[Any], bits: Any, tokens: int = 4, chance: float = 0.125) -> Sample:
    """A sample of (layers, heads) hits, all of words that start; the means hit and spread as the last number says."""
    counted = np.zeros((*np.shape(hits), 3), int)
    counted[..., 0] = hits
    return Sample(counted, np.asarray(bits, float), np.array([tokens, 0, 0]), chance, 0)


def test_every_head_and_every_mean_is_measured_as_defined() -> None:
    rng = np.random.default_rng(5)
    weights = rng.dirichlet(np.full(8, 0.3), size=(2, 3, len(TOKENS)))  # layers, heads, tokens, cells
    now = reading(list(weights))
    found = fields.page_sample(now)
    assert found.tokens.tolist() == [1, 1, 2]
    assert found.left_out == 0
    assert found.chance == pytest.approx(1 / 8)
    for layer, head in product((0, 1, None), (0, 1, 2, None)):
        part = weights[slice(None) if layer is None else [layer]][:, slice(None) if head is None else [head]]
        rows = part.mean(axis=(0, 1))[list(PRINTED)]
        hit = [int(row.argmax()) == CELLS[token] for row, token in zip(rows, PRINTED, strict=True)]
        place = (-1 if layer is None else layer, -1 if head is None else head)
        assert found.hits[place].tolist() == [hit[0], hit[1], hit[2] + hit[3]]
        assert found.bits[place] == pytest.approx(-(rows * np.log2(rows)).sum(axis=1).mean(), abs=1e-4)
        assert found.rate(("starts", "digits"), layer, head) == pytest.approx((hit[0] + hit[2] + hit[3]) / 3)


def test_without_truth_there_are_entropies_and_no_hits() -> None:
    rows = looks({}, 0.5)
    now = reading([[rows]], document=page(truth=False))
    found = fields.page_sample(now)
    assert found.tokens.sum() == 0
    assert np.isnan(found.rate(("starts",), 0, 0))
    assert np.isnan(found.chance)
    assert found.bits[0, 0] == pytest.approx(0.5 + 0.5 * np.log2(14))


def test_pages_are_pooled_by_their_tokens() -> None:
    ones = np.ones((2, 2))
    one = at_hand(hits=2 * ones, bits=3 * ones, tokens=6, chance=0.1)
    other = at_hand(hits=ones, bits=1 * ones, tokens=2, chance=0.3)
    nothing = at_hand(hits=0 * ones, bits=np.nan * ones, tokens=0, chance=float("nan"))
    found = head_sample.pooled([one, other, nothing])
    assert found.rate(("starts",), None, None) == pytest.approx(3 / 8)
    assert found.bits.tolist() == [[2.5, 2.5], [2.5, 2.5]]
    assert found.chance == pytest.approx(0.15)
    assert np.isnan(head_sample.pooled([nothing]).bits).all()


def heads_that(hits: list[int], shares: list[float]) -> Any:
    """A reading by one layer whose heads look at that many of the four printed tokens, with that share in one cell."""
    rows = [looks({token: CELLS[token] for token in PRINTED[:n]}, s) for n, s in zip(hits, shares, strict=True)]
    return reading([rows])


@pytest.mark.parametrize(
    ("hits", "answer"),
    [([4, 3, 2, 1, 0, 0, 0, 0], SAME), ([3, 4, 2, 2, 2, 2, 2, 2], NEAR), ([2, 4, 3, 2, 2, 2, 2, 2], FAR)],
)
def test_where_the_most_focused_head_stands_by_hits(hits: list[int], answer: str) -> None:
    found = fields.focused_is_right(heads_that(hits, [0.99, *[0.5] * 7]))
    assert found.answer == answer
    assert (
        f"layer 1, head 1. Its strongest cell lies on the token's own print for {hits[0]:d}".replace(
            f"for {hits[0]}", f"for {25 * hits[0]}%"
        )
        in found.text
    )
    better = sum(h > hits[0] for h in hits)
    others = (
        f"{better} of 8 heads hit more often, the best of them 100%" if better else "none of 8 heads hits more often."
    )
    assert others in found.text


def test_focus_tells_if_ranks_go_against_each_other() -> None:
    shares = [0.9, 0.8, 0.7, 0.6]
    right = fields.focus_tells(heads_that([4, 3, 2, 1], shares))
    assert right.answer is True
    assert "-1.00" in right.text
    wrong = fields.focus_tells(heads_that([1, 2, 3, 4], shares))
    assert wrong.answer is False
    assert "is 1.00" in wrong.text
    assert fields.focus_tells(heads_that([2, 2], [0.9, 0.8])).answer is None


def test_head_eight_of_the_third_layer_is_ranked_by_its_entropy() -> None:
    layers = [[looks({}, 0.5)] * 8 for _ in range(3)]
    layers[2][7] = looks(CELLS, 0.9)
    found = fields.third_layer_head_eight(reading(layers))
    assert found.answer is None
    assert "number 1 of 24" in found.text
    assert "By hits it is number 1, with 100%" in found.text
    layers[0][3] = looks({}, 0.95)
    second = fields.third_layer_head_eight(reading(layers))
    assert "number 2 of 24" in second.text
    assert "of layer 1, head 4" in second.text
    assert fields.third_layer_head_eight(reading(layers[:2])).answer is None


@pytest.mark.parametrize(("mean", "holds"), [(3, True), (2, None), (1, False)])
def test_the_mean_is_compared_with_the_head_that_was_best_elsewhere(
    monkeypatch: pytest.MonkeyPatch, mean: int, holds: bool
) -> None:
    # Two heads and their mean, in one layer and in the mean of layers; head 1 is best here, head 2 elsewhere.
    here = at_hand(hits=np.array([[4, 2, mean]] * 2), bits=np.ones((2, 3)))
    elsewhere = at_hand(hits=np.array([[1, 3, 2], [1, 3, 4]]), bits=np.ones((2, 3)))
    monkeypatch.setattr(fields, "page_sample", lambda now: here)
    monkeypatch.setattr(fields, "several_pages", lambda now: elsewhere)
    found = fields.mean_is_best(reading([[looks({})]]))
    assert found.answer is holds
    assert f"hits {25 * mean}% of 4 tokens of this page; head 2 of layer 1" in found.text
    assert "hits 50%." in found.text


def test_the_mean_of_one_layer_is_a_rival_of_the_mean_of_all() -> None:
    sample = at_hand(hits=np.array([[1, 2, 4], [1, 2, 3], [1, 2, 4]]), bits=np.ones((3, 3)))
    assert fields._called(fields._rival(sample)) == "the mean of layer 1"


def test_fields_are_located_by_the_middle_of_their_boxes() -> None:
    both = reading([[looks(CELLS)]])
    assert fields.located(both).answer == 100
    assert fields.wrong_place_wrong_value(both).answer is None
    one = reading([[looks({TEA: 0, POT: 1})]])  # the price is read from blank paper
    found = fields.located(one)
    assert found.answer == 50
    assert "of 2 fields that were read right, 1 have the middle" in found.text
    away = fields.wrong_place_wrong_value(one)
    assert away.answer is None
    assert "0 of these were read wrong and 1 right" in away.text
    assert "Too few were misread: 5 more are needed" in away.text


def score(right: bool, centre: bool) -> FieldScore:
    return FieldScore("a", "1", "1", right, (0, 0, 1, 1), (0, 0, 1, 1), 0.5, centre)


@pytest.mark.parametrize(("both", "holds"), [(5, True), (3, False)])
def test_a_wrong_place_gives_a_wrong_value_away_if_most_of_them_are_wrong(
    monkeypatch: pytest.MonkeyPatch, both: int, holds: bool
) -> None:
    # 40 fields, 8 misplaced, 6 misread.
    made = [score(False, False)] * both + [score(False, True)] * (6 - both)
    made += [score(True, False)] * (8 - both) + [score(True, True)] * (26 + both)
    assert fields.placed(made).tolist() == [40, 6, 8, both]
    monkeypatch.setattr(fields, "scores", lambda now: made)
    found = fields.wrong_place_wrong_value(reading([[looks({})]]))
    assert found.answer is holds
    assert "of 40 fields 6 were read wrong (15.0%, the base rate)" in found.text
    assert f"{both} of these were read wrong and {8 - both} right" in found.text


def test_a_wrong_value_in_a_wrong_place_is_counted() -> None:
    now = reading([[looks({TEA: 0, POT: 1})]], document=page(price="43"))
    assert fields.placed(fields.scores(now)).tolist() == [2, 1, 1, 1]
    assert fields.placed([]).tolist() == [0, 0, 0, 0]


def test_the_table_ranks_by_hits_and_says_the_place_by_focus() -> None:
    rows = fields_view.head_rows(
        head_sample.measured((now := heads_that([1, 4, 2], [0.9, 0.5, 0.7])).record, now.document.values)
    )
    assert [one.replace(fields_view.HARD, " ") for one in rows["head"]] == [
        "layer 1, head 2",
        "layer 1, head 3",
        "layer 1, head 1",
    ]
    assert rows["place by hits"] == ["1", "2", "3"]
    assert rows["place by focus"] == ["3", "2", "1"]
    assert rows["word hits"] == ["100%", "100%", "50%"]
    assert rows["digit hits"] == ["100%", "0%", "0%"]
    # Half in one cell and a fourteenth in each of the others.
    assert rows["entropy (bits)"][0] == f"{0.5 + 0.5 * np.log2(14):.2f}"


@pytest.mark.parametrize(
    "name", sorted({one for one in findings() if one.startswith("fields.")} - {"fields.third_layer_head_eight"})
)
def test_nothing_is_claimed_of_a_page_whose_truth_is_not_known(name: str) -> None:
    found = findings()[name](reading([[looks(CELLS)]], document=page(truth=False)))
    assert found.answer is None
    assert "not known" in found.text


def test_a_page_read_wrong_throughout_cannot_tell() -> None:
    now = reading([[looks(CELLS)]], document=page(name="teapox", price="43"))
    assert [one(now).answer for one in (fields.focused_is_right, fields.focus_tells, fields.located)] == [None] * 3


def test_the_hand_made_page_is_as_its_words_say() -> None:
    for path, text, boxes in page().values:
        assert len(boxes) == len(text), path
        assert all(0 <= left < right <= SIZE[0] for left, _, right, _ in boxes)
