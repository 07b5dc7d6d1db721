"""Faithfulness of maps in one call: its passes counted, its curves one picture at a time, and maps whose quality is known."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import vit_attention as va
from tests.vit_attention.signals import tiny_vits
from visualizer import methods
from visualizer.measures import faithfulness as f
from visualizer.method.base import Map, Method
from vit_attention.gate import GateError
from vit_attention.judging import fresh
from vit_attention.models.vision import VisionModel
from worlds.scenes import coverage, scene


@pytest.fixture(scope="module")
def scenes() -> Any:
    return va.load("scene-vit")


@pytest.fixture
def tiny() -> VisionModel:
    return tiny_vits.model(tiny_vits.network())


def counting(model: Any) -> tuple[Any, list[int]]:
    """The model, and how many pictures or texts each of its passes had."""
    seen: list[int] = []
    inner, made = model.anatomy.forward, copy.copy(model)

    def forward(*given: Any) -> Any:
        seen.append(len(given[0]))
        return inner(*given)

    made.anatomy = replace(model.anatomy, forward=forward)
    return made, seen


def drawn(values: NDArray[Any]) -> Method:
    """A method that always gives this map."""

    def function(record: Any, question: Any, knobs: Any) -> Map:
        axis = record.maps[0].key
        return Map(np.concatenate([np.zeros(axis.prefix), values.ravel()]), axis, "share", "drawn", (), 0)

    return Method(function, meaning="A map that was drawn.", name="drawn")


def test_deletion_and_insertion_with_two_baselines_take_forty_passes_with_that_of_the_map(scenes: Any) -> None:
    model, seen = counting(scenes)
    found = va.faithfulness(model, "scene-7", "rollout", controls=False, road=False)
    assert sum(seen) == 40
    assert found.passes == {"map": 39}
    assert [(one.kind, one.baseline) for one in found.curves] == [
        (kind, fill) for fill in ("mean", "blur") for kind in ("deletion", "insertion")
    ]
    deletion, insertion = (found.curve(kind, baseline="blur").scores for kind in ("deletion", "insertion"))
    assert (deletion[0], deletion[-1]) == (insertion[-1], insertion[0])


def test_controls_and_similarities_are_counted_too(tiny: VisionModel) -> None:
    model, seen = counting(tiny)
    other = tiny_vits.model(tiny_vits.network(seed=3))
    found = va.faithfulness(model, tiny_vits.pixels(), "rollout", untrained=other)
    assert sum(seen) - 1 == sum(found.passes.values())
    assert found.orders == (f.MAP, f.RANDOM, f.CENTRE, f.UNTRAINED)  # pixels have no colours that people see
    assert len(found.curve(f.DELETION, f.RANDOM).draws) == f.DRAWS
    seen.clear()
    found = va.faithfulness(model, tiny_vits.pixels(), target="similar:1,2", controls=False)
    assert sum(seen) - 1 == found.passes["map"]
    assert (found.about, found.unit) == ("the similarity of the class token to patch (1, 2)", "cosine similarity")


def test_curves_are_the_probabilities_of_one_picture_at_a_time(tiny: VisionModel) -> None:
    pixels = tiny_vits.pixels()
    values = methods()["rollout"](tiny.attend(pixels)).values  # of which no two are equal
    order = sorted(range(16), key=lambda n: -values.ravel()[n])
    colour = pixels.mean(dim=(2, 3)).reshape(3, 1, 1)

    def chance(hidden: list[int]) -> float:
        changed = pixels.clone()
        for n in hidden:
            row, column = divmod(n, 4)
            changed[0, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = colour
        scores = np.array([*tiny.classify(changed).values()])
        return float(np.exp(scores - scores.max())[2] / np.exp(scores - scores.max()).sum())

    found = va.faithfulness(tiny, pixels, "rollout", target="owl", baselines=["mean"], steps=8, controls=False)
    deletion = [chance(order[: 2 * k]) for k in range(9)]
    insertion = [chance(order[2 * k :]) for k in range(9)]
    np.testing.assert_allclose(found.curve("deletion").scores, deletion, atol=1e-6)
    np.testing.assert_allclose(found.curve("insertion").scores, insertion, atol=1e-6)
    np.testing.assert_allclose(found.curve("insertion").shares, np.arange(9) / 8)
    assert found.curve("deletion").auc == pytest.approx(np.trapezoid(deletion, dx=1 / 8), abs=1e-6)
    most, least = found.curve(f.MOST_FIRST), found.curve(f.LEAST_FIRST)
    np.testing.assert_allclose(most.shares, f.counts(16, 10)[1:-1] / 16)
    covers = np.zeros((9, 16), bool)
    for cover, count in zip(covers, f.counts(16, 10)[1:-1], strict=True):
        cover[order[::-1][:count]] = True
    wanted = tiny.scores_covered(pixels, covers.reshape(9, 4, 4), fill="road", target="owl")
    np.testing.assert_allclose(least.scores, wanted, atol=1e-6)
    assert found.road[f.MAP][0] == pytest.approx((least.scores - most.scores).mean() / 2)


def test_the_truth_beats_its_shuffle_its_shift_and_its_opposite_and_chance_lies_between(scenes: Any) -> None:
    """The patches of the only object, in the middle of the picture."""
    truth = coverage(scene(7).mask).astype(float)
    asked: dict[str, Any] = {"target": scene(7).things[0].shape, "baselines": ["mean"], "steps": 7}
    best = va.faithfulness(scenes, "scene-7", drawn(truth), controls=False, **asked)
    worst = va.faithfulness(scenes, "scene-7", drawn(-truth), controls=False, **asked)
    shuffled = np.random.default_rng(0).permutation(truth.ravel()).reshape(14, 14)
    others = [
        va.faithfulness(scenes, "scene-7", drawn(one), controls=False, road=False, **asked)
        for one in (shuffled, np.roll(truth, (7, 7), axis=(0, 1)))
    ]
    for other in (worst, *others):
        assert best.curve("deletion").auc < other.curve("deletion").auc - 0.1
        assert best.curve("insertion").auc > other.curve("insertion").auc + 0.1
    assert best.curve("deletion").auc < others[0].curve("deletion").auc < worst.curve("deletion").auc
    assert best.road[f.MAP][0] > 0.2 > -0.2 > worst.road[f.MAP][0]


def test_a_text_is_judged_by_its_tokens() -> None:
    model = va.load("review-encoder")
    text = "The soup was good and the waiter was not rude."
    found = va.faithfulness(model, text, "relevance", target="positive", controls=False, baselines=["leave out"])
    tokens = sum(word >= 0 for word in model.attend(text).maps[0].key.words)
    assert (found.about, found.baselines, found.road) == ("the class positive", ("leave out",), {})
    np.testing.assert_allclose(found.curve("deletion").shares, f.counts(tokens, min(10, tokens)) / tokens)
    words = np.array(model.attend(text).maps[0].key.words) >= 0
    ends = model.scores_covered(text, np.stack([~words & words, words]), fill="leave out", target="positive")
    np.testing.assert_allclose(found.curve("deletion").scores[[0, -1]], ends, atol=1e-6)
    np.testing.assert_allclose(found.curve("insertion").scores[[0, -1]], ends[::-1], atol=1e-6)
    short = va.faithfulness(model, "Good.", "raw", controls=False)
    assert len(short.curve("deletion").shares) - 1 == sum(n >= 0 for n in model.attend("Good.").maps[0].key.words)


def test_the_untrained_network_is_another_and_the_shared_one_stays(scenes: Any, tiny: VisionModel) -> None:
    before = {name: one.clone() for name, one in scenes.module.state_dict().items()}
    made = fresh(scenes)
    assert made is not None
    assert all(bool((one == before[name]).all()) for name, one in scenes.module.state_dict().items())
    assert float(made.module.state_dict()["heads.head.weight"].std()) > 0
    assert not (made.module.state_dict()["heads.head.weight"] == before["heads.head.weight"]).all()
    assert fresh(tiny) is None  # nothing is known under its name
    tiny.card = scenes.card
    assert fresh(tiny) is None  # another network is


def test_what_has_no_score_or_no_map_over_patches_is_refused(scenes: Any, tiny: VisionModel) -> None:
    with pytest.raises(GateError, match="one score"):
        va.faithfulness(va.load("receipt-donut"), "receipt-3")
    with pytest.raises(ValueError, match="method"):
        va.faithfulness(scenes, "scene-7", "rolout")
    with pytest.raises(GateError, match="fill"):
        va.faithfulness(tiny, tiny_vits.pixels(), baselines=["mask"], controls=False)
    with pytest.raises(GateError, match="steps"):
        va.faithfulness(tiny, tiny_vits.pixels(), steps=0, controls=False)
    with pytest.raises(GateError, match="similarity"):
        va.faithfulness(va.load("photo-dino"), "coffee")
    found = va.faithfulness(tiny, tiny_vits.pixels(), baselines=["zero"])
    assert f.UNTRAINED not in found.orders
    assert len(found.notes) == 1
