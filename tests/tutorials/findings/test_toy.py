"""The toy against rows worked out on paper, and what its figures print."""

from __future__ import annotations

import numpy as np
import pytest

from tutorials.findings import toy


def test_the_row_of_an_object_patch_is_the_one_on_paper() -> None:
    """Row 2, column 3 (from 1): x = q = (2, 1), so q.k = 2 k1 + k2 with k = (x1, x1 + x2): 3 x1 + x2."""
    on_paper = [[-1, 0, 4, 2], [-1, 6, 7, 5], [-1, 6, 7, 2], [2, 0, 1, 2]]
    steps = toy.steps(1, 2)
    assert steps.products.reshape(4, 4).tolist() == on_paper
    powers = np.exp((np.array(on_paper) - 7) / np.sqrt(2)).ravel()
    assert steps.weights == pytest.approx(powers / powers.sum())


def test_a_query_of_zeros_reads_all_sixteen_alike() -> None:
    assert toy.QUERIES[1].tolist() == [0, 0]
    assert toy.steps(0, 1).weights.tolist() == [1 / 16] * 16


def test_ground_on_the_right_reads_the_object_more_than_it_is_read_back() -> None:
    ground, thing = (0, 3), (1, 2)
    reads = toy.steps(*ground).weights.reshape(4, 4)[thing]
    read_back = toy.steps(*thing).weights.reshape(4, 4)[ground]
    assert reads > 5 * read_back


def test_all_tokens_are_small_integers_and_every_product_is_whole() -> None:
    assert toy.TOKENS.shape == toy.KEYS.shape == (16, 2)
    assert np.abs(toy.KEYS).max() <= 3
    for row, column in np.ndindex(4, 4):
        products = toy.steps(row, column).products
        assert (products == np.round(products)).all()


@pytest.mark.parametrize(("row", "column"), [(4, 0), (0, -1)])
def test_a_patch_outside_is_refused(row: int, column: int) -> None:
    with pytest.raises(ValueError, match="toy: want"):
        toy.steps(row, column)


def test_the_figures_print_every_number_in_its_cell_and_can_be_clicked() -> None:
    tokens, row = toy.tokens_figure(6), toy.steps_figure(toy.steps(1, 2), 6)
    cell = row.data[0].text[1][2]
    assert all(part in cell for part in ("q·k = 7", "4.95", "1.000", "28.5%"))
    assert tokens.data[0].text[1][3] == "x = (1, 2)<br>q = (1, 2)<br>k = (1, 3)"
    assert [len(fig.data[1].customdata) for fig in (tokens, row)] == [16, 16]
