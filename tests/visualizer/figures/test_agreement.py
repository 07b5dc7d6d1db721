"""The table of agreement and the sheet of ranks: what is drawn is what was given."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from visualizer.figures.agreement import agreement_table, rank_sheet
from vit_attention.gate import GateError

TABLE = np.array([[1.0, -0.35, np.nan], [-0.35, 1.0, 0.994], [np.nan, 0.994, 1.0]])


def test_every_cell_has_its_colour_number_and_text() -> None:
    figure = agreement_table(TABLE, ["raw", "rollout <b>", "flow"], "rank correlation")
    heat, numbers = figure.data
    np.testing.assert_allclose(heat.z, TABLE, rtol=1e-6)
    assert (heat.zmin, heat.zmax) == (-1, 1)
    written = {(int(x), int(y)): text for x, y, text in zip(numbers.x, numbers.y, numbers.text, strict=True)}
    assert written == {
        (1, 1): "100",
        (2, 1): "-35",
        (1, 2): "-35",
        (2, 2): "100",
        (3, 2): "99",
        (2, 3): "99",
        (3, 3): "100",
    }
    assert heat.text[0][1] == "raw<br>rollout &lt;b&gt;<br>rank correlation -0.35"
    assert heat.text[0][2].endswith("not defined")
    assert list(figure.layout.yaxis.ticktext) == ["raw 1", "rollout &lt;b&gt; 2", "flow 3"]
    assert list(figure.layout.xaxis.ticktext) == ["1", "2", "3"]
    said = figure.layout.annotations[-1].text
    assert "-1 to +1" in said
    assert "hundredths" in said


def test_overlaps_have_a_scale_from_0_and_numbers_can_be_left_out() -> None:
    figure = agreement_table(np.abs(TABLE), ["a", "b", "c"], "overlap", signed=False, narrow=True)
    assert len(figure.data) == 1
    assert list(figure.layout.yaxis.ticktext) == ["1", "2", "3"]
    assert (figure.data[0].zmin, figure.data[0].zmax) == (0, 1)
    assert "0 to 1" in figure.layout.annotations[-1].text


def test_ranks_are_shares_of_weaker_cells_whatever_the_unit(rng: np.random.Generator) -> None:
    one = rng.normal(size=(5, 5))
    figure = rank_sheet([one, np.exp(one) * 1000], ["a", "b"], per_row=2)
    sheet = np.asarray(figure.data[0].z)
    rows = np.flatnonzero((sheet != 255).any(axis=1))
    left, right = sheet[rows][:, :5], sheet[rows][:, -5:]
    np.testing.assert_array_equal(left, right)
    expected = (stats.rankdata(one).reshape(5, 5) - 1) / 24 * 254
    assert np.abs(left - expected).max() <= 0.5


def test_bad_input_is_refused() -> None:
    with pytest.raises(GateError, match="names: want 3"):
        agreement_table(TABLE, ["a"], "x")
    with pytest.raises(GateError, match=r"\(maps, maps\)"):
        agreement_table(TABLE[:2], ["a", "b"], "x")
