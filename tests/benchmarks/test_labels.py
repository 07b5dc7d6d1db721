"""The benchmark of labels, on a model that reads the truth: every figure is known beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks import labels
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Geometry, Prediction
from worlds.phrases import phrase
from worlds.scenes import Scene, Thing, coverage, scene
from worlds.shapes import COLOURS


class Knowing:
    """Knows every scene by its pixels; its maps show the object that is named, or after the last layer of "value" the other one."""

    def __init__(self, made: list[Scene]) -> None:
        self.scenes = {one.pixels.tobytes(): one for one in made}

    def of(self, picture: Any) -> Scene:
        return self.scenes[np.asarray(picture).tobytes()]

    def similarity(self, pictures: list[Any], texts: list[str]) -> np.ndarray:
        return np.array([[float(phrase(self.of(one).things[0]).endswith(text)) for text in texts] for one in pictures])

    def attend(self, picture: Any, labels: list[str], **_: Any) -> AttentionRecord:
        shown = {phrase(thing): coverage(thing.mask).ravel() for thing in self.of(picture).things}
        right = np.stack([[*shown[text]] for text in labels])
        nothing = np.zeros((1, 196))
        layers = [np.concatenate([swapped, nothing]) for swapped in (right[::-1], right)]
        signal = np.pad(np.stack(layers), [(0, 0), (0, 0), (2, 0)], constant_values=0.5).astype(np.float32)
        signals = {"naive": signal, "value": signal[::-1], "value-value": signal}
        runs = {"naive": {}, "value": {}, "value-value": {"depth": 6}}
        weights = np.full((1, 1, 197), 1 / 197, np.float32)
        axis = Axis.patches(14, 14, ("class",))
        maps = tuple(
            AttentionMap(weights, f"block.{n}", n, "self", axis, axis, heads=(0,), queries=(0,)) for n in (0, 1)
        )
        said = Prediction(tuple(labels), np.zeros(len(labels), np.float32))
        return AttentionRecord(
            maps, Geometry.of(224, 224), said, signals=signals, settings={"runs": runs, "labels": labels}
        )


@pytest.fixture
def knowing(monkeypatch: pytest.MonkeyPatch) -> Knowing:
    monkeypatch.setattr(labels, "FIRST_SEED", 500)
    monkeypatch.setattr(labels, "PICKING_SEED", 600)
    return Knowing([scene(seed, objects=n) for n in (1, 2) for seed in (*range(500, 506), *range(600, 603))])


def test_a_model_that_knows_the_truth_is_right_and_one_that_swaps_objects_wrong(knowing: Knowing) -> None:
    found = labels.measure(knowing, 6, 3)
    assert found["phrases"]["share"] == found["shapes"]["share"] == 1
    for name in ("naive, last layer", "value-value, class-independent part removed, best layer (2)"):
        assert found["maps"][name]["named"]["share"] == 1
        assert found["maps"][name]["other"]["share"] == 0
    assert found["maps"]["value, best layer (1)"]["named"]["share"] == 1
    assert found["maps"]["value, last layer"]["named"]["share"] == 0
    assert found["maps"]["value, last layer"]["other"]["share"] == 1
    contrast = found["maps"]["colour contrast"]
    assert contrast["named"]["share"] == contrast["other"]["share"] <= 0.5
    lines = labels.table(found, found).splitlines()
    assert "| of 96 phrases | 100.0 % (61.0 to 100.0) | 1.0 % | 100.0 % (61.0 to 100.0) |" in lines
    assert len(lines) == 4 + 3 + 12 + 2


def test_a_patch_on_both_objects_is_right() -> None:
    masks = np.zeros((2, 28, 28), bool)
    masks[0, :14, :10] = True  # of four patches the first alone, and not a tenth of the second
    masks[1, :14, 9:20] = True  # a third of the first and half of the second
    things = tuple(Thing("ring", colour, mask, (0, 0, 1, 1), 1.0) for colour, mask in zip(COLOURS, masks, strict=False))
    made = Scene(np.zeros((28, 28, 3), np.uint8), things, 0, 0.0)
    first, second = np.array([[1.0, 0], [0, 0]]), np.array([[0, 1.0], [0, 0]])
    assert list(labels.pointed(made, np.stack([first, first]))) == [(True, False), (True, False)]
    assert list(labels.pointed(made, np.stack([second, second]))) == [(False, True), (True, False)]


def test_chance_is_the_share_of_patches_on_an_object() -> None:
    made = scene(2, objects=2)
    by_hand = [
        np.mean(
            [thing.mask[16 * r : 16 * r + 16, 16 * c : 16 * c + 16].mean() > 0.1 for r in range(14) for c in range(14)]
        )
        for thing in made.things
    ]
    assert labels.chance([made])["named"]["share"] == pytest.approx(np.mean(by_hand))
