"""The method "flow" against maximum flows of networkx."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.visualizer.method.test_stored import FUSE, TOKENS, everything, some
from visualizer import methods
from vit_attention.records import AttentionMap, AttentionRecord, Axis

networkx = pytest.importorskip("networkx")


def flows(made: AttentionRecord, shares: dict[int, float], residual: float, fusion: str, span: slice) -> list[float]:
    """Largest flow to every token of a network built edge by edge, of which each query lets in its share."""
    graph, layers = networkx.DiGraph(), made.layers[span]
    for level, layer in enumerate(layers):
        fused = FUSE[fusion](layer.astype(float), axis=0)
        step = residual * np.eye(TOKENS) + (1 - residual) * fused / fused.sum(axis=1, keepdims=True)
        for q, k in np.ndindex(TOKENS, TOKENS):
            graph.add_edge((level + 1, q), (level, k), capacity=step[q, k])
    for token, share in shares.items():
        graph.add_edge("in", (len(layers), token), capacity=share)
    return [networkx.maximum_flow_value(graph, "in", (0, k)) for k in range(TOKENS)]


@pytest.mark.parametrize(
    ("asked", "shares", "span"),
    [
        ({}, {0: 1}, slice(0, 4)),
        ({"query": (1, 2), "layer": 2, "residual": 0.1}, {7: 1}, slice(0, 3)),
        ({"query": [(0, 0), (2, 3)], "start_layer": 2}, {1: 0.5, 12: 0.5}, slice(2, 4)),
        ({"head_fusion": "max", "residual": 0.0}, {0: 1}, slice(0, 4)),
    ],
)
def test_it_is_the_largest_flow_to_every_token(asked: dict[str, Any], shares: dict[int, float], span: slice) -> None:
    made, fusion = everything(), asked.get("head_fusion", "mean")
    found = methods()["flow"](made, **asked)
    wanted = flows(made, shares, asked.get("residual", 0.5), fusion, span)
    np.testing.assert_allclose(found.row, wanted, atol=1e-6)
    assert found.unit == "largest flow"
    assert f"({sum(one > 1 - 1e-6 for one in wanted[1:])} of 12 tie at 1.0" in found.words
    fused = methods()["flow"](some((), fusion), **asked)
    np.testing.assert_allclose(fused.row, found.row, atol=1e-6)


def test_it_is_neither_rollout_nor_blind_to_the_order_of_layers() -> None:
    made = everything()
    row = methods()["flow"](made, residual=0.1).row
    assert np.abs(row - methods()["rollout"](made, residual=0.1).row).max() > 0.1
    weights = [one.weights for one in made.maps][::-1]
    turned = replace(made, maps=tuple(replace(one, weights=w) for one, w in zip(made.maps, weights, strict=True)))
    assert np.abs(row - methods()["flow"](turned, residual=0.1).row).max() > 0.01


def test_large_pictures_are_refused_before_anything_is_computed() -> None:
    axis = Axis.patches(37, 37, ("class",))
    rows = np.full((1, 1, len(axis)), 1 / len(axis), np.float32)
    maps = tuple(AttentionMap(rows, f"b.{n}", n, "self", axis, axis, queries=(0,)) for n in range(2))
    fused = np.broadcast_to(np.float16(1 / len(axis)), (2, len(axis), len(axis)))
    made = AttentionRecord(maps, signals={"head-mean": fused})
    why = "takes at most 800,000 pairs of tokens over all layers, and this record has 3,753,800"
    assert methods()["flow"].unfit(made) == why
    with pytest.raises(ValueError, match=f"method: {why}"):
        methods()["flow"](made)
    assert methods()["rollout"].unfit(made) == ""
