"""Methods that read numbers a layer and token off a run: which layers they take together, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from visualizer.method import QuestionError, methods
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Prediction, Similar
from vit_attention.records.geometry import Geometry

AXIS = Axis.patches(1, 3, ("class",))
BY_LAYER = np.array([[9, 1, -2, 3], [9, 0, 4, 2], [9, -1, -1, 5]], np.float32)
LENS = np.zeros((4, 5, 4), np.float32)
LENS[2] = [[7, 1, 2, 3], [0.5, 0.1, 0.2, 0.3], [1, 3, 2, 2], [0, 1, 1, 0], [0.5, 0.9, 0.6, 0.7]]
KNOBS = {"legrad": {"pool": "head"}, "decision-flow": {"effects": "positive"}, "logit-lens": {}}


def record(lens: Any = LENS, labels: tuple[str, ...] = ("cat", "dog"), **said: Any) -> AttentionRecord:
    even = np.full((1, 4, 4), 0.25, np.float32)
    maps = tuple(AttentionMap(even, f"block.{n}", n, "self", AXIS, AXIS) for n in range(3))
    prediction = Prediction(labels, np.zeros(len(labels), np.float32), **{"target": 0, **said})
    signals = {"legrad": BY_LAYER, "decision-flow": BY_LAYER, "logit-lens": lens}
    settings = {"runs": KNOBS}
    return AttentionRecord(maps, Geometry.of(48, 16), prediction=prediction, signals=signals, settings=settings)


def test_legrad_is_the_mean_over_layers() -> None:
    legrad = methods()["legrad"]
    np.testing.assert_allclose(legrad(record()).values, [[0, 1 / 3, 10 / 3]], atol=1e-6)
    found = legrad(record(), layer=1, start_layer=1)
    np.testing.assert_allclose(found.values, [[0, 4, 2]])
    assert (found.layer, found.unit) == (1, "mean positive gradient")
    assert found.words == "LeGrad, mean of layers 2 to 2, for the class cat"
    assert np.isnan(found.row[0])


def test_decision_flow_adds_positive_parts_from_layer_to_layer() -> None:
    flow = methods()["decision-flow"]
    np.testing.assert_allclose(flow(record()).values, [[1, 4, 10]])
    np.testing.assert_allclose(flow(record(), layer=0).values, [[1, 0, 3]])
    # Stretched: (1, 0, 3) / 3, (0, 4, 2) / 4, (0, 0, 5) / 5; the special token is no end of the scale.
    np.testing.assert_allclose(flow(record(), blocks="stretched").values, [[1 / 3, 1, 2.5]], atol=1e-6)
    assert flow(record(), blocks="stretched").unit == "sum of blocks, each from 0 to 1"


@pytest.mark.parametrize("name", ["legrad", "decision-flow"])
def test_a_start_behind_the_chosen_layer_is_refused(name: str) -> None:
    with pytest.raises(QuestionError, match="start_layer: want a whole number from 0 to 1, got 2"):
        methods()[name](record(), layer=1, start_layer=2)
    with pytest.raises(QuestionError, match="layer: want numbers of 0 to 2, got 3"):
        methods()[name](record(), layer=3)


def test_the_lens_reads_scores_probabilities_and_ranks_after_the_layer() -> None:
    lens = methods()["logit-lens"]
    for read, wanted in (("score", [1, 2, 3]), ("probability", [0.1, 0.2, 0.3]), ("rank", [3, 2, 2])):
        np.testing.assert_allclose(lens(record(), layer=1, read=read).values, [wanted])
    assert lens(record(), layer=1).signed
    assert lens(record()).layer == 2
    assert lens(record(), layer=1).words == (
        "raw score of the class cat: each token after layer 2 by itself through the final norm and the head"
    )


def test_winners_have_a_colour_each_and_are_brighter_the_more_probable() -> None:
    found = methods()["logit-lens"](record(), layer=1, read="winner")
    assert found.legend == "orange: dog; sky blue: cat; the brighter, the more probable"
    np.testing.assert_allclose(found.values, [[0.9, 0.6, 0.7]], atol=1e-6)
    assert found.colours is not None
    orange, blue = np.array([0.9, 0.62, 0]), np.array([0.34, 0.71, 0.91])
    wanted = [orange * (0.15 + 0.85 * 0.9), orange * (0.15 + 0.85 * 0.6), blue * (0.15 + 0.85 * 0.7)]
    np.testing.assert_allclose(found.colours[0], wanted, atol=1e-6)


def test_more_winners_than_colours_share_the_last() -> None:
    axis, count = Axis.patches(3, 4), 12
    lens = np.zeros((2, 5, count), np.float32)
    lens[1, 3] = [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9]
    one = AttentionMap(np.full((1, count, count), 1 / count, np.float32), "block", 0, "self", axis, axis)
    said = Prediction(tuple("abcdefghij"), np.zeros(10, np.float32), target=0)
    settings = {"runs": {"logit-lens": {}}}
    made = AttentionRecord(
        (one,), Geometry.of(48, 36), prediction=said, signals={"logit-lens": lens}, settings=settings
    )
    found = methods()["logit-lens"](made, read="winner")
    assert found.legend.startswith("orange: a; sky blue: j; green: b; ")
    assert "white: other classes; the brighter" in found.legend


def test_of_a_similarity_there_is_the_cosine_alone() -> None:
    lens, target = methods()["logit-lens"], Similar(to=(0, 1))
    made = record(LENS[:, :1], (), target=target)
    assert lens(made, layer=1).unit == "cosine similarity"
    for read in ("probability", "rank", "winner"):
        with pytest.raises(QuestionError, match=f"read: want score for a similarity, got {read}"):
            lens(made, read=read)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("legrad", np.zeros((2, 4), np.float32)),
        ("decision-flow", np.zeros((3, 5), np.float32)),
        ("logit-lens", np.zeros((4, 3, 4), np.float32)),
        ("logit-lens", LENS + 2),  # the number of a class that there is none of
    ],
)
def test_a_bundle_with_other_numbers_is_refused(name: str, wrong: Any) -> None:
    good = record()
    with pytest.raises(ValueError, match=f"signal '{name}': want at least"):
        AttentionRecord(
            good.maps,
            good.geometry,
            prediction=good.prediction,
            signals={**good.signals, name: wrong},
            settings=good.settings,
        )


def test_a_similarity_read_off_every_token_is_said_to_be_of_that_token() -> None:
    found = methods()["logit-lens"](record(LENS[:, :1], (), target=Similar(to=(0, 1))), layer=1)
    assert found.words == (
        "each token after layer 2 by itself through the final norm, in the place of the token asked about in the similarity "
        "of the class token to patch (0, 1)"
    )
