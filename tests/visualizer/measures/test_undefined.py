"""Half precision becomes single precision bit for bit, whatever the layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from visualizer.measures.undefined import at_least_single, mean, shaped


def test_every_half_precision_number_is_cast_as_numpy_does():
    every = np.arange(65536, dtype=np.uint16).view(np.float16).reshape(2, 128, 256)
    for array in (every, every[:, ::-1, ::2], every.transpose(2, 0, 1), every.astype(">f2")):
        np.testing.assert_array_equal(at_least_single(array), array.astype(np.float32))
        assert at_least_single(array).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_single_and_double_precision_are_not_copied(dtype):
    array = np.ones(3, dtype=dtype)
    assert at_least_single(array) is array


def test_whole_numbers_become_double_precision():
    assert at_least_single([[1, 0], [0, 1]]).dtype == np.float64


@pytest.mark.filterwarnings("error")
def test_mean_equals_numpy_where_something_is_defined():
    values = np.random.default_rng(0).random((4, 6))
    values[values < 0.3] = np.nan
    np.testing.assert_allclose(mean(values), np.nanmean(values, axis=-1))
    np.testing.assert_allclose(mean(values, axis=0), np.nanmean(values, axis=0))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1], [1, 2]], r"map: want \(rows, columns\), got rows of unlike lengths"),
        ([["a"]], "map: want numbers, got str"),
        ([[None]], "map: want numbers, got object"),
        ([[1j]], "map: want numbers, got complex128"),
        ([[]], "got shape"),
    ],
)
def test_what_is_no_grid_of_numbers_is_refused_in_a_sentence(values: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shaped(values, "map", "(rows, columns)")
