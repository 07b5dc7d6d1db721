from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy as scipy_entropy

from visualizer.words.maps import describe, describe_grid, place
from vit_attention.records import Axis
from vit_attention.records.geometry import Geometry


def test_the_strongest_patches_come_first_with_place_share_and_entropy(rng: np.random.Generator) -> None:
    values = rng.dirichlet(np.ones(36) * 0.3).reshape(6, 6) * 0.8
    said = describe(values, name="Head 3")
    best = sorted(((v, r, c) for (r, c), v in np.ndenumerate(values)), reverse=True)[:3]
    spots = [said.index(f"row {r + 1}, column {c + 1} ") for _, r, c in best]
    assert spots == sorted(spots)
    assert f"hold {100 * sum(v for v, _, _ in best) / values.sum():.0f} %" in said
    assert f"Entropy {scipy_entropy(values.ravel(), base=2):.3g} of at most 5.17 bits" in said


def test_special_tokens_and_words_go_by_name() -> None:
    axis = Axis.patches(1, 2, ("class",))
    assert "the class token with 0.6" in describe([0.6, 0.3, 0.1], axis, strongest=1)
    assert "strongest is cat with 0.9" in describe([0.1, 0.9], Axis.text(["a", "cat"]), strongest=1)


def test_places_are_on_the_picture_and_not_in_the_grid() -> None:
    values = np.zeros((3, 3))
    values[0, 0] = 1.0
    turned = Geometry.of(90, 90).turn(1)  # the model's upper left is the picture's upper right
    assert "(upper left)" in describe(values, strongest=1)
    assert "(upper right)" in describe(values, geometry=turned, strongest=1)
    letterbox = Geometry.of(90, 30).pad(0, 30, 0, 30)
    assert "(outside the picture)" in describe(values, geometry=letterbox, strongest=1)


def test_nine_places() -> None:
    said = [place(x, y) for y in (0.1, 0.5, 0.9) for x in (0.1, 0.5, 0.9)]
    assert said == [
        "upper left",
        "upper middle",
        "upper right",
        "left",
        "centre",
        "right",
        "lower left",
        "lower middle",
        "lower right",
    ]


def test_signed_constant_and_undefined_values_are_told_as_such() -> None:
    signed = describe([[-0.5, 0.1]], strongest=1)
    assert "with -0.5" in signed
    assert "Entropy" not in signed
    assert "all 9 values are the same, 0.2" in describe(np.full((3, 3), 0.2))
    assert "1 of 2 values are not defined" in describe([[np.nan, 0.4]])
    assert describe([[np.nan]], name="Head 1") == "Head 1: no value is defined."


def test_values_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="values: want 3, one per token, got 2"):
        describe([0.1, 0.2], Axis.patches(1, 2, ("class",)))
    with pytest.raises(ValueError, match="or an axis or grid"):
        describe([0.1, 0.2])


def test_a_table_of_heads_names_its_extremes_and_leaves_gaps_out() -> None:
    said = describe_grid([[1.0, 5.0], [np.nan, 2.0]], "Entropy", "bits", layers=[3, 7], extremes=1)
    assert said == (
        "Entropy of 3 heads in 2 layers: 1 to 5 bits, mean 2.67 bits. "
        "Largest: layer 4, head 2 (5). Smallest: layer 4, head 1 (1)."
    )
    with pytest.raises(ValueError, match="values: want"):
        describe_grid(np.ones((2, 2, 2)), "a", "b")
