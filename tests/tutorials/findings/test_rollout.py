"""The findings on rollout against brute force, hand-made records and a drawn scene."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tutorials.findings import rollout
from tutorials.findings.context import Context, Picture, Selection
from visualizer.measures import deletion
from vit_attention.inputs.edited import grey_out
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Prediction
from vit_attention.records.geometry import Geometry
from worlds.scenes import scene

CHOSEN = Selection(layer=0, head=None, query=0, row=0, column=0, patches=())


def context(*layers: np.ndarray, seed: int | None = None) -> Context:
    axis = Axis.patches(14, 14, ("class",))
    maps = tuple(AttentionMap(one.astype(np.float32), f"b.{n}", n, "self", axis, axis) for n, one in enumerate(layers))
    made = None if seed is None else scene(seed)
    image = Image.new("RGB", (224, 224)) if made is None else made.picture
    said = Prediction(("ring", "circle", "moon"), np.array([2.0, 1.0, 0.0], np.float32))
    picture = Picture("x", "x", "x", image, scene=made)
    return Context("toy", picture, AttentionRecord(maps, geometry=Geometry.of(224, 224), prediction=said), CHOSEN)


def looking_again(maps: dict[str, np.ndarray]) -> Any:
    """A run of works that gives these maps of classes, whatever method asks for them."""
    return lambda work, model, picture, method, target, *args, **given: SimpleNamespace(values=maps[target])


def flat(heads: int = 2) -> np.ndarray:
    return np.full((heads, 197, 197), 1 / 197)


def keep() -> np.ndarray:
    return np.eye(197)[None].repeat(2, axis=0)


def test_uniform_layers_saturate_by_hand() -> None:
    # One uniform layer with residual share 0.5: the class token keeps 0.5 + 0.5/197, all others get 0.5/197.
    row = np.full(197, 0.5 / 197)
    row[0] += 0.5
    wanted = -(row * np.log2(row)).sum()
    bits = rollout.saturation(context(flat(), flat(), flat(), flat(), flat()))
    assert bits[0] == pytest.approx(wanted, abs=1e-6)
    finding = rollout.saturation_layer(context(*[flat()] * 5))
    first = next(n for n in range(1, 6) if (lambda s: -(s * np.log2(s)).sum())(_uniform_after(n)) >= 0.9 * np.log2(197))
    assert finding.answer == first


def _uniform_after(layers: int) -> np.ndarray:
    row = np.full(197, (1 - 0.5**layers) / 197)
    row[0] += 0.5**layers
    return row


def test_identity_layers_never_saturate() -> None:
    finding = rollout.saturation_layer(context(keep(), keep()))
    assert finding.answer == 0
    assert "never" in finding.text


def test_deeper_is_sharper_only_where_it_is() -> None:
    assert rollout.deeper_is_sharper(context(flat(), flat())).answer is False
    # Layer 1 spreads the class token; layer 2 sends it to one patch whose own row is that patch alone.
    first, second = keep(), flat()
    first[:, 0] = 1 / 197
    second[:, 0] = 0
    second[:, 0, 5] = 1
    told = context(first, second)
    bits = rollout.saturation(told)
    assert rollout.deeper_is_sharper(told).answer is bool(bits[1] < bits[0] and bits[1] < 0)


def test_max_fusion_equals_mean_where_heads_agree(rng: np.random.Generator) -> None:
    head = rng.dirichlet(np.ones(197), size=197)
    same = context(np.stack([head, head]))
    assert rollout.max_fusion(same).answer is True
    # Patches 1 to 20 have 5 in both heads, patches 21 to 40 have 9 and 0: the mean likes the first, max the second.
    heads = np.zeros((2, 197))
    heads[:, 1:21], heads[0, 21:41] = 5, 9
    heads[:, 41:] = np.linspace(0.01, 1, 156)  # all other patches in the same order, so that the orders agree
    heads[1, 0] = 180  # both heads have the same sum
    rows = np.repeat(heads[:, None] / heads.sum(axis=1)[:, None, None], 197, axis=1)
    found = rollout.max_fusion(context(rows))
    assert found.answer is False
    assert "rollout: +0.9" in found.text
    assert "; 0 of their 20 strongest" in found.text


def test_sharpening_reaches_the_entropy(rng: np.random.Generator) -> None:
    values = rng.dirichlet(np.ones(30)).reshape(5, 6)
    found = rollout.sharpened(values, 2.5)
    shares = found.ravel() / found.sum()
    assert -(shares * np.log2(shares)).sum() == pytest.approx(2.5, abs=1e-4)
    assert (np.argsort(found.ravel()) == np.argsort(values.ravel())).all()


def test_no_class_enters_rollout(rng: np.random.Generator) -> None:
    maps = {"ring": rng.random((14, 14)), "circle": rng.random((14, 14))}
    now = replace(context(flat(), seed=8), run=looking_again(maps))  # a ring and a circle
    finding = rollout.why_this_class(now)
    assert finding.answer is None, "a demonstration"
    # A uniform map has on an object what the object covers of the picture.
    for thing in now.picture.scene.things:  # type: ignore[union-attr]
        assert f"On the {thing.shape}: {thing.mask.mean():.1%} of the rollout" in finding.text


def test_asking_about_a_class_takes_two_objects() -> None:
    alone = rollout.why_this_class(context(flat(), seed=7))
    assert alone.answer is None
    assert "This scene shows 1 object" in alone.text


def test_classes_are_the_objects_or_the_likeliest() -> None:
    assert rollout.classes(context(flat(), seed=8)) == ("ring", "circle")
    assert rollout.classes(context(flat())) == ("ring", "circle")


def test_discard_needs_truth() -> None:
    assert rollout.discard(context(flat())).answer is None


def test_grey_squares_cover_exactly_their_patches() -> None:
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[:, 40:] = 200
    geometry = Geometry.of(80, 60).resize(40, 30).crop(10, 0, 20, 30)  # the model saw x 20 to 60 of the original
    edited = np.array(grey_out(Image.fromarray(pixels), geometry, (3, 2), [1, 4]))
    changed = (edited != pixels).any(axis=2)
    wanted = np.zeros((60, 80), bool)
    wanted[0:20, 40:60] = wanted[40:60, 20:40] = True
    np.testing.assert_array_equal(changed, wanted)
    assert (edited[wanted] == 100).all()


def test_deleting_what_matters_costs_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in model that believes in a ring as long as patch 100 is not grey."""
    first = flat()
    first[:, 0] = 0
    first[:, 0, 101] = 0.9
    first[:, 0, 1:21] += 0.1 / 20
    now = context(first)
    now = replace(now, run=looking_again({"ring": np.arange(196.0)[::-1].reshape(14, 14)}))

    def believe(told: Context, target: str, sets: list[tuple[int, ...]]) -> np.ndarray:
        return np.array([0.01 if 100 in one else 0.66 for one in sets])

    monkeypatch.setattr(rollout, "probabilities", believe)
    drawn = [100 in one for one in deletion.random_sets(now.grid)]
    finding = rollout.most_costly(now)
    assert finding.answer == (rollout.PLAIN,)
    assert rollout.rests_on(now).answer is (not any(drawn))


def test_a_model_without_classes_cannot_tell() -> None:
    axis = Axis.patches(2, 2, ("class",))
    one = AttentionMap(np.full((1, 5, 5), 0.2, np.float32), "b", 0, "self", axis, axis)
    now = Context("x", Picture("x", "x", "x", Image.new("RGB", (8, 8))), AttentionRecord((one,)), CHOSEN)
    for told in (rollout.most_costly, rollout.rests_on, rollout.why_this_class):
        assert told(now).answer is None


def test_random_sets_are_the_same_every_time_and_never_repeat_a_patch() -> None:
    now = context(flat())
    sets = deletion.random_sets(now.grid)
    assert sets == deletion.random_sets(now.grid)
    assert len(sets) == 10
    assert all(len(set(one)) == 20 and max(one) < 196 for one in sets)
