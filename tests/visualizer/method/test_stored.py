"""Methods on records that kept some rows and fused heads, against the same methods on everything."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from visualizer import class_rollout, methods, rollout
from visualizer.method import QuestionError
from vit_attention.records import AttentionMap, AttentionRecord, Axis
from vit_attention.records.geometry import Geometry

AXIS = Axis.patches(3, 4, ("class",))
TOKENS, LAYERS = 13, 4
FUSE = {"mean": np.mean, "max": np.max, "min": np.min}


def everything() -> AttentionRecord:
    """Four layers of three heads over a class token and 3 x 4 patches."""
    rng = np.random.default_rng(3)
    layers = rng.dirichlet(np.ones(TOKENS), size=(LAYERS, 3, TOKENS)).astype(np.float32)
    maps = tuple(AttentionMap(one, f"block.{n}", n, "self", AXIS, AXIS) for n, one in enumerate(layers))
    return AttentionRecord(maps, Geometry.of(64, 48), norms=np.ones((LAYERS, TOKENS), np.float32))


def some(
    whole: tuple[int, ...] = (), *fusions: str, half: bool = False, rows: tuple[int, ...] = (0,)
) -> AttentionRecord:
    """The same with the class token's rows alone but for whole layers, and with fused heads."""
    made, kind = everything(), np.float16 if half else np.float32
    maps = tuple(
        replace(one, weights=one.weights.astype(kind))
        if one.layer in whole
        else replace(one, weights=one.weights[:, list(rows)].astype(kind), queries=rows)
        for one in made.maps
    )
    fused = {f"head-{name}": np.stack([FUSE[name](one.weights, axis=0) for one in made.maps]) for name in fusions}
    return replace(made, maps=maps, signals={name: one.astype(kind) for name, one in fused.items()})


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("fusion", ["mean", "max", "min"])
@pytest.mark.parametrize("query", [None, "class", (1, 2), [(0, 0), (2, 3)], "mean"])
@pytest.mark.parametrize("asked", [{}, {"layer": 2}, {"start_layer": 1, "residual": 0.2}, {"discard_ratio": 0.5}])
def test_rollout_from_fused_heads(asked: dict[str, Any], query: Any, fusion: str, half: bool) -> None:
    method, allowed = methods()["rollout"], 1e-3 if half else 1e-6
    if half and "discard_ratio" in asked:
        allowed = 2e-2  # numbers that are rounded to the same half are discarded in another order
    wanted = method(everything(), query=query, head_fusion=fusion, **asked)
    found = method(some((2,), fusion, half=half), query=query, head_fusion=fusion, **asked)
    np.testing.assert_allclose(found.row, wanted.row, atol=allowed)
    assert (found.words, found.patches, found.layer) == (wanted.words, wanted.patches, wanted.layer)


@pytest.mark.parametrize("fusion", ["mean", "max", "min"])
def test_a_row_of_the_product_without_the_product(fusion: str) -> None:
    layers = [one.weights for one in everything().maps]
    matrices = np.stack([FUSE[fusion](one, axis=0) for one in layers])[:, None]
    whole = rollout(layers, 0.3, fusion)
    np.testing.assert_allclose(class_rollout(matrices, 0.3, query=4), whole[4], atol=1e-6)
    shares = np.zeros(TOKENS)
    shares[[2, 5]] = 0.25, 0.75
    np.testing.assert_allclose(class_rollout(layers, 0.3, fusion, query=shares), shares @ whole, atol=1e-6)
    with pytest.raises(ValueError, match="query: want a token's number, or shares of 13 tokens"):
        class_rollout(layers, query=[0.5, 0.5])


@pytest.mark.parametrize("name", ["raw", "mean-of-layers", "fused"])
@pytest.mark.parametrize("asked", [{}, {"layer": 1}, {"layer": 2, "query": (1, 1)}])
def test_kept_rows_are_enough(name: str, asked: dict[str, Any]) -> None:
    rows = (0, 6)  # the patch in row 1, column 1
    wanted, found = (methods()[name](made, **asked) for made in (everything(), some((2,), rows=rows)))
    np.testing.assert_allclose(found.row, wanted.row, atol=1e-6)


@pytest.mark.parametrize("name", ["raw", "mean-of-layers", "fused"])
def test_the_mean_of_all_heads_stands_in_for_rows(name: str) -> None:
    for query in ((2, 0), "mean"):
        wanted, found = (methods()[name](made, layer=1, query=query) for made in (everything(), some((), "mean")))
        np.testing.assert_allclose(found.row, wanted.row, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "asked", "why"),
    [
        ("raw", {"layer": 1, "query": (2, 0)}, r"kept the rows \[0\] alone, got 9: attend with .*whole=\[1\]"),
        ("raw", {"layer": 1, "query": (2, 0), "head": 1}, "attend with queries="),
        ("rollout", {}, r"wants all heads and queries, .* with keep=\{'head-mean'\} or without choosing any"),
        ("rollout", {"head_fusion": "max"}, r"with keep=\{'head-max'\} or without choosing any"),
    ],
)
def test_what_was_not_kept_is_said_with_the_way_out(name: str, asked: dict[str, Any], why: str) -> None:
    with pytest.raises(QuestionError, match=why):
        methods()[name](some(), **asked)


def test_another_fusion_than_the_kept_one_is_refused() -> None:
    with pytest.raises(QuestionError, match=r"keep=\{'head-max'\}"):
        methods()["rollout"](some((), "mean"), head_fusion="max")
    assert methods()["rollout"].unfit(some((), "max")) == ""
    assert "wants all heads" in methods()["relevance"].unfit(some((), "mean"))


LARGE = Axis.patches(37, 37, ("class", "register 1"))


@pytest.mark.parametrize(
    ("name", "asked", "keep", "queries"),
    [
        ("raw", {"layer": 8}, set(), (0,)),
        ("raw", {"layer": 8, "query": (1, 3)}, set(), (0, 42)),
        ("raw", {"query": "mean"}, {"head-mean"}, (0,)),
        ("fused", {"query": "mean", "head_fusion": "max"}, {"head-max"}, (0,)),
        ("rollout", {"layer": 3, "head_fusion": "min"}, {"head-min"}, (0,)),
        ("rollout-so-far", {"fusion": "max"}, {"head-max"}, (0,)),
        ("likeness", {"layer": 2, "query": (0, 0)}, {"hidden"}, (0, 2)),
    ],
)
def test_what_to_ask_for(name: str, asked: dict[str, Any], keep: set[str], queries: tuple[int, ...]) -> None:
    found = methods()[name].sparing(LARGE, **asked)
    assert found["keep"] == {"weights"} | keep
    assert found["queries"] == queries
    assert found.get("whole") == ((asked["layer"],) if "layer" in asked else None)
    assert found["half"] is True


def test_gradients_through_all_layers_need_everything() -> None:
    assert methods()["relevance"].sparing(LARGE) == {"keep": {"weights", "gradients"}, "half": True}
    with pytest.raises(QuestionError, match="want a patch from 0,0 to 36,36"):
        methods()["raw"].sparing(LARGE, query=(37, 0))
