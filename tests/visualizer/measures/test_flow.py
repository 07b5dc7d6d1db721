"""Attention flow against linear programming, the definition of a maximum flow."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from visualizer.measures.flow import attention_flow

FUSIONS = {"mean": np.mean, "max": np.max, "min": np.min}


def random_layers(depth, tokens, heads=2, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.dirichlet(np.full(tokens, 0.4), size=(heads, tokens)) for _ in range(depth)]


def longhand_flow(layers, residual, fusion, query, target):
    """Maximise what arrives at `target`, with every pipe within its capacity and nothing lost on the way."""
    depth, tokens = len(layers), layers[0].shape[-1]
    pipes, capacity = [], []
    for level, layer in enumerate(layers):
        fused = FUSIONS[fusion](layer, axis=0)
        for q in range(tokens):
            for k in range(tokens):
                pipes.append(((level + 1, q), (level, k)))
                capacity.append(residual * (q == k) + (1 - residual) * fused[q, k] / fused[q].sum())
    inner = [(d, t) for d in range(depth + 1) for t in range(tokens) if (d, t) not in {(depth, query), (0, target)}]
    balance = [[float(below == node) - float(above == node) for above, below in pipes] for node in inner]
    arriving = [-float(below == (0, target)) for _, below in pipes]
    bounds = [(0, c) for c in capacity]
    return -linprog(arriving, A_eq=balance, b_eq=np.zeros(len(inner)), bounds=bounds).fun


@pytest.mark.parametrize("residual", [0.0, 0.5])
@pytest.mark.parametrize("fusion", FUSIONS)
def test_flow_solves_the_linear_program(residual, fusion):
    layers = random_layers(depth=3, tokens=4)
    expected = [longhand_flow(layers, residual, fusion, 1, target) for target in range(4)]
    np.testing.assert_allclose(attention_flow(layers, residual, fusion, query=1), expected, atol=1e-7)


def test_flow_equals_networkx_on_a_larger_grid():
    networkx = pytest.importorskip("networkx")
    layers = random_layers(depth=4, tokens=7, heads=3, seed=5)
    graph = networkx.DiGraph()
    for level, layer in enumerate(layers):
        step = 0.5 * layer.mean(axis=0) + 0.5 * np.eye(7)
        graph.add_edges_from(((level + 1, q), (level, k), {"capacity": step[q, k]}) for q in range(7) for k in range(7))
    expected = [networkx.maximum_flow_value(graph, (4, 0), (0, k)) for k in range(7)]
    np.testing.assert_allclose(attention_flow(layers), expected, atol=1e-7)


def test_one_layer_gives_the_row_itself_and_two_layers_the_narrowest_pipes():
    layer = np.array([[[0.5, 0.3, 0.2], [0.0, 1.0, 0.0], [0.1, 0.0, 0.9]]])
    np.testing.assert_allclose(attention_flow([layer], residual=0), [0.5, 0.3, 0.2], atol=1e-8)
    # To token 0: min(0.5, 0.5) + min(0.3, 0) + min(0.2, 0.1); likewise for the others.
    np.testing.assert_allclose(attention_flow([layer, layer], residual=0), [0.6, 0.6, 0.4], atol=1e-8)


def test_flow_stays_within_the_unit_that_leaves_the_query():
    layers = random_layers(depth=8, tokens=40)  # capacities of so many pipes, rounded up, would let more than 1 out
    flow = attention_flow(layers)
    assert flow.min() >= 0
    assert flow.max() <= 1
    assert flow.max() > 1 - 1e-6  # saturated: why ranks mean nothing
    assert flow.sum() > 1


def test_large_networks_are_refused_with_the_reason():
    layers = random_layers(depth=2, tokens=5)
    with pytest.raises(ValueError, match=r"want at most 49 pipes .*, got 50. Every input token is a maximum flow"):
        attention_flow(layers, max_edges=49)
    assert attention_flow(layers, max_edges=50).shape == (5,)
    with pytest.raises(ValueError, match="got 465708"):
        attention_flow([np.zeros((1, 197, 197), np.float16)] * 12)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="query: want 0 to 4, got 5"):
        attention_flow(random_layers(2, 5), query=5)
    with pytest.raises(ValueError, match="want at least one layer"):
        attention_flow([])
