"""Attention flow against linear programming, the definition of a maximum flow."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from visualizer import mixed_layers
from visualizer.measures import flow
from visualizer.measures.flow import attention_cut, attention_flow, largest_flow

FUSIONS = {"mean": np.mean, "max": np.max, "min": np.min}


def random_layers(depth, tokens, heads=2, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.dirichlet(np.full(tokens, 0.4), size=(heads, tokens)) for _ in range(depth)]


def longhand_flow(layers, residual, fusion, query, target):
    """Maximise what arrives at `target`, with every pipe within its capacity and nothing lost on the way.

    With several queries, as {token: share}, each lets in its share at most.
    """
    depth, tokens = len(layers), layers[0].shape[-1]
    pipes, capacity = [], []
    for level, layer in enumerate(layers):
        fused = FUSIONS[fusion](layer, axis=0)
        for q in range(tokens):
            for k in range(tokens):
                pipes.append(((level + 1, q), (level, k)))
                capacity.append(residual * (q == k) + (1 - residual) * fused[q, k] / fused[q].sum())
    if isinstance(query, dict):
        pipes += [("in", (depth, token)) for token in query]
        capacity += query.values()
    source = "in" if isinstance(query, dict) else (depth, query)
    inner = [(d, t) for d in range(depth + 1) for t in range(tokens) if (d, t) not in {source, (0, target)}]
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


def test_several_queries_let_in_their_shares():
    layers = random_layers(depth=3, tokens=4, seed=8)
    shares = {0: 0.25, 2: 0.75}
    expected = [longhand_flow(layers, 0.5, "mean", shares, target) for target in range(4)]
    np.testing.assert_allclose(attention_flow(layers, query=[0.25, 0, 0.75, 0]), expected, atol=1e-7)
    with pytest.raises(ValueError, match="query: want a token's number, or shares of 4 tokens"):
        attention_flow(layers, query=[0.5, 0.5])


@pytest.mark.parametrize("seed", range(3))
def test_a_cut_holds_everything_back_and_is_as_wide_as_the_flow(seed):
    layers = [np.round(layer, 1) for layer in random_layers(depth=3, tokens=5, seed=seed)]
    for target in range(5):
        value, cut = attention_flow(layers, 0.2, query=1)[target], attention_cut(layers, 1, target, 0.2)
        assert sum(pipe.capacity for pipe in cut) == pytest.approx(value, abs=1e-7)
        reached = {1}  # from the query downwards, with the pipes of the cut closed
        for n in (2, 1, 0):
            step = 0.2 * np.eye(5) + 0.8 * (layers[n].mean(0) / layers[n].mean(0).sum(1, keepdims=True))
            closed = {(pipe.query, pipe.key): pipe.capacity for pipe in cut if pipe.layer == n}
            assert all(capacity == pytest.approx(step[pair]) for pair, capacity in closed.items())
            reached = {k for q in reached for k in range(5) if step[q, k] > 0 and (q, k) not in closed}
        assert target not in reached


def test_what_flows_stays_within_the_pipes_and_is_lost_nowhere():
    layers = random_layers(depth=4, tokens=6, seed=2)
    found = largest_flow(layers, 0, 3)
    expected = [0.5 * layer.mean(0) + 0.5 * np.eye(6) for layer in layers]
    np.testing.assert_allclose(found.capacities, expected)
    assert (found.through >= 0).all()
    assert (found.through <= found.capacities + 1e-12).all()
    assert found.through[0][:, 3].sum() == pytest.approx(found.value)
    assert found.through[3][0].sum() == pytest.approx(found.value)
    for below, above in zip(found.through, found.through[1:], strict=False):
        np.testing.assert_allclose(below.sum(axis=1), above.sum(axis=0), atol=1e-12)
    for pipe in found.cut:
        assert found.through[pipe.layer, pipe.query, pipe.key] == pytest.approx(pipe.capacity, abs=2**-29)


def test_rounding_loses_less_than_one_unit_a_pipe_of_the_cut():
    """In whole numbers of 1/999, which no power of two divides, networkx is exact."""
    networkx = pytest.importorskip("networkx")
    rng = np.random.default_rng(4)
    counts = [np.array([rng.multinomial(999, np.full(9, 1 / 9)) for _ in range(9)]) for _ in range(4)]
    graph = networkx.DiGraph()
    for level, matrix in enumerate(counts):
        graph.add_edges_from(
            ((level + 1, q), (level, k), {"capacity": int(n)}) for (q, k), n in np.ndenumerate(matrix) if n
        )
    layers = [matrix[None] / 999 for matrix in counts]
    found = attention_flow(layers, residual=0)
    for target in range(9):
        missing = networkx.maximum_flow_value(graph, (4, 0), (0, target)) / 999 - found[target]
        assert missing >= -1e-15
        assert missing <= 2.0**-30 * len(attention_cut(layers, 0, target, residual=0)) + 1e-15


@pytest.mark.parametrize(
    ("residual", "query", "enough"), [(0.0, 3, False), (0.5, 3, False), (0.0, [1 / 70] * 70, True)]
)
def test_many_tokens_give_the_same_as_the_whole_network(monkeypatch, residual, query, enough):
    """One query whose few pipes lead to tokens with many narrow ones: the widest pipes alone let too little through."""
    rng = np.random.default_rng(1)
    layers = [rng.dirichlet(np.full(70, scale), size=(1, 70)) for scale in (5.0, 5.0, 5.0, 0.02, 0.02)]
    found = attention_flow(layers, residual, query=query)
    thin = flow._network(flow._thinned(mixed_layers(layers, residual)), flow._entry(query, 70))
    alone = np.array([flow._solved(thin, target).flow_value for target in range(70)]) / 2**30
    monkeypatch.setattr(flow, "MANY", 1000)
    np.testing.assert_array_equal(found, attention_flow(layers, residual, query=query))
    assert (alone <= found).all()
    assert (alone == found).all() == enough


def test_nothing_flows_where_no_pipe_leads():
    layer = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    assert attention_cut([layer, layer], 0, 1) == ()
    assert attention_flow([layer, layer])[1] == 0
    with pytest.raises(ValueError, match="target: want 0 to 1, got 2"):
        attention_cut([layer], 0, 2)


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
    found = attention_flow(layers)
    assert found.min() >= 0
    assert found.max() <= 1
    assert found.max() > 1 - 1e-6  # saturated: why ranks mean nothing
    assert found.sum() > 1


def test_large_networks_are_refused_with_the_reason():
    layers = random_layers(depth=2, tokens=5)
    with pytest.raises(ValueError, match=r"want at most 49 pipes .*, got 50. Every input token is a maximum flow"):
        attention_flow(layers, max_edges=49)
    assert attention_flow(layers, max_edges=50).shape == (5,)
    with pytest.raises(ValueError, match="got 465708"):
        attention_flow([np.zeros((1, 197, 197), np.float16)] * 12, max_edges=400_000)
    with pytest.raises(ValueError, match=r"at most 800000 pipes .*, got 22522800"):
        attention_flow([np.zeros((1, 1370, 1370), np.float16)] * 12)  # 37 x 37 patches and a class token


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="query: want 0 to 4, got 5"):
        attention_flow(random_layers(2, 5), query=5)
    with pytest.raises(ValueError, match="want at least one layer"):
        attention_flow([])


@pytest.mark.parametrize("query", [0.5, "0", None, True])
def test_a_query_that_is_no_whole_number_is_refused(query: object) -> None:
    with pytest.raises(ValueError, match=r"query: want 0 to 1, got"):
        attention_flow([np.full((1, 2, 2), 0.5)], query=query)  # type: ignore[arg-type]
