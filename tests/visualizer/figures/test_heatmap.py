from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from visualizer.figures.heatmap import block_means, matrix, patch_map, signed
from vit_attention.records import Axis

Sent = Callable[[go.Figure], dict[str, Any]]


def test_the_grid_alone_keeps_rows_down_and_states_its_range(sent: Sent) -> None:
    values = np.arange(6, dtype=float).reshape(2, 3)
    out = sent(patch_map(values, unit="bits", query=[2]))
    assert out["data"][0]["z"].tolist() == values.tolist()
    assert out["layout"]["yaxis"]["range"] == [2, 0]
    assert "raw bits, 0 to 5" in out["layout"]["annotations"][0]["text"]
    assert out["data"][0]["text"][1][2] == "row 2, column 3: 5 bits"


def test_zero_is_the_middle_of_signed_values_however_lopsided(sent: Sent) -> None:
    out = sent(signed(np.array([[-0.1, 0.4]])))
    trace = out["data"][0]
    assert (trace["zmin"], trace["zmax"]) == (-0.4, 0.4)
    assert trace["colorbar"]["ticktext"] == ["-0.4", "-0.2", "0", "+0.2", "+0.4"]
    assert trace["colorscale"][len(trace["colorscale"]) // 2][1] == "rgb(247,247,247)"
    limited = sent(signed(np.array([[-0.1, 0.4]]), limit=0.2))
    assert limited["data"][0]["zmax"] == 0.2
    assert "1 beyond drawn like the ends" in limited["layout"]["annotations"][0]["text"].replace("<br>", " ")
    assert "every value is 0" in sent(signed(np.zeros((2, 2))))["layout"]["annotations"][0]["text"].replace("<br>", " ")


def test_a_small_matrix_is_exact_and_a_large_one_in_stated_steps(sent: Sent, rng: np.random.Generator) -> None:
    axis = Axis.text(["a", "b"], ("class",))
    small = rng.dirichlet(np.ones(3), 3)
    assert np.allclose(sent(matrix(small, axis, axis))["data"][0]["z"], small, atol=1e-7)
    big, patches = rng.dirichlet(np.ones(197), 197), Axis.patches(14, 14, ("class",))
    out = sent(matrix(big, patches, patches))
    z = out["data"][0]["z"]
    assert z.dtype == np.uint8
    assert np.abs(z / 254 * big.max() - big).max() <= big.max() / 254 / 2 + 1e-9
    assert "254 steps" in out["layout"]["annotations"][0]["text"]


def test_the_payload_of_a_whole_matrix_stays_bounded(
    size: Callable[[go.Figure], int], rng: np.random.Generator
) -> None:
    patches = Axis.patches(14, 14, ("class",))
    assert size(matrix(rng.random((197, 197)), patches, patches)) < 65_000
    many = Axis.patches(37, 37, ("class", "register 1"))
    assert size(matrix(rng.random((1371, 1371), dtype=np.float32), many, many)) < 110_000


def test_block_means_place_and_value(sent: Sent) -> None:
    full = np.zeros((5, 4))
    full[4, 0], full[0, 0] = 6.0, np.nan
    assert block_means(full, 2).tolist() == [[0, 0], [0, 0], [3, 0]]
    many = Axis.patches(20, 20)
    weights = np.zeros((400, 400))
    weights[399, 2] = 4.0
    trace = sent(matrix(weights, many, many))["data"][0]
    row, column = np.unravel_index(trace["z"].argmax(), trace["z"].shape)
    assert abs(trace["y0"] + row * trace["dy"] - 399) <= 1
    assert abs(trace["x0"] + column * trace["dx"] - 2) <= 1


def test_special_tokens_are_named_and_parted_and_words_escaped(sent: Sent) -> None:
    keys = Axis.text(["<b>cat</b>", "sat"], ("start",))
    queries = Axis.patches(1, 2, ("class", "distillation"))
    layout = sent(matrix(np.zeros((4, 3)), queries, keys))["layout"]
    assert layout["xaxis"]["ticktext"] == ["start", "&lt;b&gt;cat&lt;/b&gt;", "sat"]
    assert layout["yaxis"]["ticktext"][:2] == ["class", "distillation"]
    assert layout["shapes"][0]["path"] == "M0.5,-0.5V3.5M-0.5,1.5H2.5"
    assert layout["yaxis"]["range"] == [3.5, -0.5]
    with pytest.raises(ValueError, match=r"weights: want \(4, 3\)"):
        matrix(np.zeros((3, 3)), queries, keys)
