"""Every method against the definition written out by hand, on records small enough to see through."""

from __future__ import annotations

import numpy as np
import pytest

from tutorials.findings.context import Context, Picture, Selection
from tutorials.findings.methods import METHODS, Knobs
from ui.compare import SAME, likeness, linked
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Prediction

AXIS = Axis.patches(2, 3, ("class",))


def context(
    rng: np.random.Generator, query: int = 0, head: int | None = None, layer: int = 1, patches: tuple[int, ...] = ()
) -> Context:
    layers = [rng.dirichlet(np.ones(7), size=(heads, 7)).astype(np.float32) for heads in (2, 3, 2)]
    slopes = [rng.normal(size=one.shape).astype(np.float32) for one in layers]
    maps = tuple(
        AttentionMap(one, f"block.{n}", n, "self", AXIS, AXIS, gradient=slope)
        for n, (one, slope) in enumerate(zip(layers, slopes, strict=True))
    )
    said = Prediction(("cat", "dog"), np.array([0.0, 1.0], np.float32), target=1)
    picture = Picture("bundle", "bundle-x", "x", None)  # type: ignore[arg-type]
    chosen = Selection(layer, head, query, max(query - 1, 0) // 3, max(query - 1, 0) % 3, patches)
    return Context("toy", picture, AttentionRecord(maps, prediction=said), chosen)


def by_hand(now: Context, told: Knobs, until: int) -> np.ndarray:
    """Rollout as in the lesson: alpha times the identity, rows divided by their sums, new layers on the left."""
    alpha, product = told.residual / (1 - told.residual), np.eye(7)
    for layer in now.record.layers[told.start : until + 1]:
        fused = getattr(layer.astype(np.float64), told.fusion)(axis=0)
        fused /= fused.sum(axis=1, keepdims=True)
        product = (fused + alpha * np.eye(7)) / (1 + alpha) @ product
    return product


@pytest.mark.parametrize("fusion", ["mean", "max"])
@pytest.mark.parametrize(("name", "until"), [("rollout", 2), ("rollout so far", 1)])
def test_rollout(rng: np.random.Generator, fusion: str, name: str, until: int) -> None:
    now, told = context(rng, query=4), Knobs(fusion=fusion, residual=0.2)
    drawn = METHODS[name].function(now, told)
    wanted = by_hand(now, told, until)[4]
    np.testing.assert_allclose(drawn.row, wanted, atol=1e-6)
    np.testing.assert_allclose(drawn.values, wanted[1:].reshape(2, 3), atol=1e-6)


def test_several_patches_ask_together(rng: np.random.Generator) -> None:
    now = context(rng, query=2, patches=(1, 4))
    wanted = by_hand(now, Knobs(), 2)[[2, 5]].mean(axis=0)
    np.testing.assert_allclose(METHODS["rollout"].function(now, Knobs()).row, wanted, atol=1e-6)


def test_one_layer_is_the_models_own_row(rng: np.random.Generator) -> None:
    now = context(rng, query=3, head=2)
    np.testing.assert_array_equal(METHODS["one layer"].function(now, Knobs()).row, now.record.layers[1][2, 3])


def test_mean_of_layers(rng: np.random.Generator) -> None:
    now = context(rng, query=0, layer=2)
    wanted = (now.record.layers[1].mean(axis=0)[0] + now.record.layers[2].mean(axis=0)[0]) / 2
    np.testing.assert_allclose(METHODS["mean of layers"].function(now, Knobs(start=1)).row, wanted, atol=1e-6)


def test_heads_of_one_layer(rng: np.random.Generator) -> None:
    now = context(rng, query=5)
    drawn = METHODS["heads of one layer"].function(now, Knobs(fusion="min"))
    np.testing.assert_allclose(drawn.row, now.record.layers[1][:, 5].min(axis=0), atol=1e-6)
    assert drawn.unit == "min weight of any head"


def test_gradients_of_the_record_are_used(rng: np.random.Generator) -> None:
    now, product = context(rng, query=4), np.eye(7)
    for layer, slope in zip(now.record.layers, now.record.gradients, strict=True):
        product = product + np.maximum(layer * slope, 0).mean(axis=0) @ product
    row = METHODS["gradient-weighted rollout"].function(now, Knobs(target="dog")).row
    np.testing.assert_allclose(row, product[0], rtol=1e-5)


def test_a_bundle_has_no_gradients_for_another_class(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="saved without gradients for 'cat'"):
        METHODS["gradient-weighted rollout"].function(context(rng), Knobs(target="cat"))


@pytest.mark.parametrize("name", METHODS)
def test_the_code_shown_computes_the_map(rng: np.random.Generator, name: str) -> None:
    now, told = context(rng, query=4, head=1), Knobs(target="dog", fusion="max", residual=0.3, discard=0.5)
    drawn = METHODS[name].function(now, told)

    class Model:
        def attend(self, picture: object, target: str) -> AttentionRecord:
            return now.record

    names = {"record": now.record, "query": 4, "head": 1, "model": Model(), "picture": None}
    names["weights"] = now.record.maps[1].weights
    exec(drawn.code, names)
    np.testing.assert_allclose(names["row"], drawn.row, atol=1e-6)


def test_likeness_by_hand() -> None:
    first, second = np.arange(20.0).reshape(4, 5), np.arange(20.0)[::-1].reshape(4, 5)
    assert likeness(first, second, 10) == (-1.0, 0, 10, 5.0)
    assert likeness(first, first**2, 3)[:2] == (1.0, 3)
    assert np.isnan(likeness(first, np.ones((4, 5)), 3).rank)


def test_the_same_place_asks_on_another_grid(rng: np.random.Generator) -> None:
    now = context(rng, query=6)  # row 2, column 3 of 2 x 3
    axis = Axis.patches(4, 6, ("class", "register"))
    flat = np.full((1, len(axis), len(axis)), 1 / len(axis), np.float32)
    other = AttentionRecord((AttentionMap(flat, "block.0", 0, "self", axis, axis),))
    found = linked(now, other, SAME, "7")
    assert (found.row, found.column) == (3, 5)
    assert (found.layer, found.head) == (0, 0)
    assert other.maps[0].query.name(found.query) == "patch in row 4, column 6"
