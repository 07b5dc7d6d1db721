"""Curves of lengths and of shares, against the numbers they are drawn from."""

from __future__ import annotations

import numpy as np
import pytest

from visualizer.figures.sinks import length_curves, share_curves
from visualizer.measures.sinks import taken_by_layer
from visualizer.words.sinks import describe_lengths, describe_taken


def test_lengths_are_drawn_by_layer():
    norms = 10 + np.random.default_rng(0).random((3, 102))
    norms[2, 7] = 80
    norms[:, 0], norms[:, 1:3] = [1, 2, 3], [4, 6]
    drawn = {line.name: line for line in length_curves(norms, ("class", "register 1", "register 2")).data}
    np.testing.assert_array_equal(drawn["class token"].y, [1, 2, 3])
    np.testing.assert_array_equal(drawn["mean of the other special tokens"].y, [5, 5, 5])
    np.testing.assert_array_equal(drawn["longest patch"].y, norms[:, 3:].max(axis=1))
    np.testing.assert_array_equal(drawn["mean of outliers"].y, [np.nan, np.nan, 80])
    for name, place in (
        ("median patch", 50),
        ("5 % of the patches are longer", 95),
    ):
        np.testing.assert_allclose(drawn[name].y, np.percentile(norms[:, 3:], place, axis=1))
    assert list(drawn["median patch"].x) == [1, 2, 3]
    assert "mean of outliers" not in [line.name for line in length_curves(norms[:2]).data]
    axis = length_curves(norms).layout.yaxis
    assert axis.type == "log"
    assert dict(zip(axis.tickvals, axis.ticktext, strict=True))[20] == "20"
    assert "after layer 3, 1 patch, 7.5" in describe_lengths(norms, 3)


def test_shares_are_drawn_by_layer():
    layers = np.random.default_rng(0).dirichlet(np.full(20, 50.0), size=(3, 2, 20))
    layers[1, 0] = 0.5 * layers[1, 0] + 0.5 * np.eye(20)[5]
    taken = taken_by_layer(layers, 2)
    assert taken.counts.tolist() == [0, 1, 0]
    for n, layer in enumerate(layers):
        assert taken.special[n] == pytest.approx(layer[:, :, :2].sum() / 40)
    assert taken.sinks == pytest.approx([0, layers[1, :, :, 5].sum() / 40, 0])
    np.testing.assert_allclose(taken.special + taken.sinks + taken.others, 1)
    fig = share_curves(taken, first=4)
    assert [line.name for line in fig.data] == ["special tokens", "sinks", "other patches"]
    assert list(fig.data[0].x) == [5, 6, 7]
    assert fig.layout.yaxis.title.text == "share of attention"
    assert describe_taken(taken, 4).startswith(f"Sinks: layer 6, 1 sink with {taken.sinks[1]:.1%} of the attention.")
    assert describe_taken(taken_by_layer(layers[:1], 2)).startswith("Sinks: in no layer.")


def test_a_long_token_before_a_layer_counts_there():
    layers = np.full((2, 1, 20, 20), 0.05)
    layers[..., 5] = 0.2
    layers /= layers.sum(axis=-1, keepdims=True)
    norms = np.full((2, 20), 10.0)
    norms[0, 5] = 90
    assert taken_by_layer(layers, 1, norms).counts.tolist() == [0, 1]
    assert taken_by_layer(layers[1:], 1, norms, first=1).counts.tolist() == [1]
    assert taken_by_layer(layers, 1).counts.tolist() == [0, 0]


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"norms: want \(layers, tokens\), more than 1 tokens, got shape \(3, 1\)"):
        length_curves(np.ones((3, 1)))
    with pytest.raises(ValueError, match="taken: want at least one layer, got none"):
        share_curves(taken_by_layer([]))
