"""The findings of the page on entropy, on weights whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tutorials.findings.hand import context, everywhere
from tutorials.findings import entropy

GRID = (2, 4)
MASK = np.array([[0, 0, 1, 0], [0, 0, 0, 0]])
OBJECT, GROUND, CLASS = 3, 5, 0


def focused(on: int, share: float) -> np.ndarray:
    row = np.full(9, (1 - share) / 8)
    row[on] = share
    return everywhere(row)


@pytest.mark.parametrize(("on", "right"), [(OBJECT, entropy.YES), (GROUND, entropy.NO)])
def test_focus_goes_with_the_object_only_if_heads_focus_on_it(on: int, right: str) -> None:
    heads = [focused(on, share) for share in (0.2, 0.4, 0.6, 0.8)]
    assert entropy.focus_and_object(context([heads], GRID, MASK)).answer == right


def test_focus_and_object_without_relation_or_truth() -> None:
    mixed = [focused(on, share) for share in (0.3, 0.5, 0.7, 0.9) for on in (OBJECT, GROUND)]
    assert entropy.focus_and_object(context([mixed], GRID, MASK)).answer == entropy.NONE
    assert entropy.focus_and_object(context([mixed], GRID)).answer is None
    assert entropy.focus_and_object(context([[mixed[0]] * 3], GRID, MASK)).answer is None


def test_largest_entropy_counts_special_tokens_too() -> None:
    assert entropy.largest(context([[focused(1, 0.5)]], GRID)).answer == pytest.approx(3.169925, abs=1e-6)  # log2 9
    no_special = np.full((1, 8, 8), 1 / 8)
    assert entropy.largest(context([no_special], GRID, special=())).answer == 3.0


def test_low_entropy_on_the_class_token_has_found_nothing() -> None:
    flat = [everywhere(np.ones(9))] * 6
    sharp_object, sharp_class = [focused(OBJECT, 0.9)] * 2, [focused(CLASS, 0.9)] * 2
    assert entropy.low_is_found(context([flat + sharp_object], GRID, MASK)).answer is True
    found = entropy.low_is_found(context([flat + sharp_class], GRID, MASK))
    assert found.answer is False
    assert "2 give more than half of their weight to special tokens" in found.text
    assert "2 heads with the lowest entropy, 0 (0%)" in found.text
    assert "of the 6 others 0 (0%)" in found.text
    # Nine of ten was a bar that models just miss: what counts is whether focus tells heads apart.
    same = entropy.low_is_found(context([[focused(OBJECT, share) for share in (0.5, 0.6, 0.7, 0.8)]], GRID, MASK))
    assert same.answer is False
    assert "1 (100%)" in same.text
    assert "of the 3 others 3 (100%)" in same.text
    assert entropy.low_is_found(context([[focused(OBJECT, 0.9)]], GRID, MASK)).answer is None


def test_the_mean_of_two_certain_heads_has_one_bit() -> None:
    first, second = focused(1, 1.0), focused(2, 1.0)
    found = entropy.mean_of_heads(context([[first, second]], GRID))
    assert found.answer is None, "a demonstration: entropy is concave, so that the mean map never has less"
    assert "is 0.00 bits" in found.text
    assert "mean map 1.00 bits" in found.text
    assert "gap of 0.00 bits" in entropy.mean_of_heads(context([[first, first]], GRID)).text


class Loaded:
    """A stand-in for a model: `uniform` of its four heads are uniform, by the brightness range of the picture."""

    def __init__(self, cured: bool):
        self.cured = cured

    def attend(self, picture, queries):
        spread = int(np.ptp(np.asarray(picture)))
        few = self.cured and spread > 200
        flat, sharp = everywhere(np.ones(9)), focused(OBJECT, 0.9)
        return context([[flat, sharp, sharp, sharp] if few else [flat, flat, sharp, sharp]], GRID).record


@pytest.mark.parametrize("cured", [True, False])
def test_contrast_cures_if_twice_the_contrast_halves_the_uniform_maps(cured: bool) -> None:
    pixels = np.full((16, 32, 3), 80, np.uint8)
    pixels[:, 16:] = 200  # a range of 120; twice the contrast has 240
    found = entropy.contrast_cures(context([[focused(1, 0.5)]], GRID, pixels=pixels, model=Loaded(cured)))
    assert found.answer is cured
    assert "contrast x 1: 2 such maps" in found.text


def test_nothing_to_cure_without_uniform_maps() -> None:
    class Sharp:
        def attend(self, picture, queries):
            return context([[focused(OBJECT, 0.9)]], GRID).record

    assert entropy.contrast_cures(context([[focused(1, 0.5)]], GRID, model=Sharp())).answer is None


def test_sinks_hide_the_object_only_if_taking_them_out_shows_it() -> None:
    row = np.array([0.0, 0.0, 0.0, 0.1, 0.0, 0.8, 0.1, 0.0, 0.0])  # object 0.1 of 1, chance 1/8: below twice chance
    norms = np.array([[10, 10, 10.2, 9.8, 10.1, 90, 9.9, 10, 10]])
    found = entropy.sinks_hide(context([[everywhere(row)]], GRID, MASK, norms=norms))
    assert found.answer is True
    assert "80.0% of the row" in found.text
    assert "without them: 50.0%" in found.text
    # Long tokens on the object are the object's: leaving them out would take it away, so the claim cannot be tested.
    own = np.array([[10, 10, 10.2, 90, 10.1, 9.7, 9.9, 10, 10]])
    found = entropy.sinks_hide(context([[everywhere(row)]], GRID, MASK, norms=own))
    assert found.answer is None
    assert "All 1 long patch tokens lie on an object" in found.text
    both = np.array([[10, 10, 10.2, 90, 10.1, 90, 9.9, 10, 10]])
    found = entropy.sinks_hide(context([[everywhere(row)]], GRID, MASK, norms=both))
    assert found.answer is True
    assert "2, of which 1 lie on an object and stay" in found.text
    clear = everywhere(np.where(np.arange(9) == OBJECT, 1.0, 0.0))
    assert entropy.sinks_hide(context([[clear]], GRID, MASK, norms=norms)).answer is False
    assert entropy.sinks_hide(context([[clear]], GRID, MASK, norms=np.full((1, 9), 5.0))).answer is None
    assert entropy.sinks_hide(context([[clear]], GRID, MASK)).answer is None
