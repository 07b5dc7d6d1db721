"""Windows against small cases drawn by hand and against rolling a grid of labels."""

from __future__ import annotations

import numpy as np
import pytest

from vit_attention.records.windows import ALLOWED, FORBIDDEN, PADDING, Partition, Windows

GRIDS = [((8, 8), 4, 0), ((8, 12), 4, 2), ((7, 9), 4, 2), ((5, 6), 3, 1), ((9, 9), 4, 0), ((4, 4), 2, 1)]


def rolled_labels(grid: tuple[int, int], window: int, shift: int) -> np.ndarray:
    """(windows, places) labels of cells, by padding, rolling and slicing an array of numbers."""
    labels = np.full([-(-side // window) * window for side in grid], -1)
    labels[: grid[0], : grid[1]] = np.arange(grid[0] * grid[1]).reshape(grid)
    labels = np.roll(labels, (-shift, -shift), (0, 1))
    return np.array(
        [
            labels[r : r + window, c : c + window].ravel()
            for r in range(0, labels.shape[0], window)
            for c in range(0, labels.shape[1], window)
        ]
    )


def filled(
    grid: tuple[int, int], window: int, shift: int, heads: int = 2, keep: tuple[int, ...] | None = None
) -> Windows:
    cut = Partition(grid, (window, window), (shift, shift))
    kept = tuple(range(cut.count)) if keep is None else keep
    raw = np.random.default_rng(0).random((len(kept), heads, cut.places, cut.places)) * ~cut.forbids(kept)[:, None]
    weights = (raw / raw.sum(-1, keepdims=True)).astype(np.float32)
    side = 2 * window - 1
    return Windows(
        weights, kept, grid, window, shift, 0, 0, "made up", (4, 2), np.zeros((heads, side, side), np.float32)
    )


@pytest.mark.parametrize(("grid", "window", "shift"), GRIDS)
def test_windows_are_the_slices_of_the_rolled_grid(grid: tuple[int, int], window: int, shift: int) -> None:
    cut, labels = Partition(grid, (window, window), (shift, shift)), rolled_labels(grid, window, shift)
    np.testing.assert_array_equal(cut.order(), labels)
    np.testing.assert_array_equal(cut.order([cut.count - 1]), labels[-1:])
    assert cut.count == len(labels)
    for query in range(grid[0] * grid[1]):
        ((number, place),) = np.argwhere(labels == query).tolist()
        assert cut.locate(query) == (number, place)


@pytest.mark.parametrize(("grid", "window", "shift"), [one for one in GRIDS if one[0][0] > one[1]])
def test_the_mask_forbids_exactly_the_cells_that_rolling_brought_together(
    grid: tuple[int, int], window: int, shift: int
) -> None:
    cut = Partition(grid, (window, window), (shift, shift))
    rows, columns = cut.padded
    at = [(r, c) for r in range(rows) for c in range(columns)]
    labels = np.roll(np.arange(rows * columns).reshape(rows, columns), (-shift, -shift), (0, 1))
    slices = [
        labels[r : r + window, c : c + window].ravel()
        for r in range(0, rows, window)
        for c in range(0, columns, window)
    ]
    for number, places in enumerate(slices):
        far = [[max(abs(at[i][0] - at[j][0]), abs(at[i][1] - at[j][1])) >= window for j in places] for i in places]
        np.testing.assert_array_equal(cut.forbids([number])[0], far)


def test_a_corner_query_of_a_shifted_block_by_hand() -> None:
    """8 x 8 cells, windows of 4, shifted by 2: the last window gathers the four corners, which must not meet."""
    seen = filled((8, 8), 4, 2)
    assert [seen.window_of(q) for q in (0, 7, 56, 63, 18)] == [3, 3, 3, 3, 0]
    row, forbidden = seen.row(0)[0], seen.forbidden(0)
    corners = np.zeros((8, 8), bool)
    for r in (slice(0, 2), slice(6, 8)):
        for c in (slice(0, 2), slice(6, 8)):
            corners[r, c] = True
    np.testing.assert_array_equal(np.isfinite(row), corners)
    assert not forbidden[:2, :2].any()
    assert forbidden.sum() == 12
    assert (row[forbidden] == 0).all()
    assert np.nansum(row) == pytest.approx(1)
    kinds = seen.kinds(0)
    assert (kinds[2:, 2:] == ALLOWED).all()  # rolled, the first rows and columns come last
    assert (kinds == FORBIDDEN).sum() == 12


def test_padding_is_counted_apart_from_cells() -> None:
    seen = filled((5, 6), 3, 0)
    query = 29  # last row: its window has one row of padding
    kinds = seen.kinds(query)
    np.testing.assert_array_equal(kinds == PADDING, [[False] * 3, [False] * 3, [True] * 3])
    np.testing.assert_allclose(np.nansum(seen.row(query), axis=(1, 2)) + seen.outside(query), 1, rtol=1e-5)
    np.testing.assert_allclose(seen.outside(query), seen.tile(query)[:, 2].sum(-1), rtol=1e-5)
    assert seen.outside(query).min() > 0.1
    assert (seen.outside(0) == 0).all()


def test_what_was_not_kept_is_undefined_and_asking_for_it_fails() -> None:
    seen = filled((8, 8), 4, 0, keep=(1, 3))
    assert seen.queries == tuple(q for q in range(64) if q % 8 >= 4)
    with pytest.raises(KeyError, match="window 0 of query 0"):
        seen.row(0)
    with pytest.raises(ValueError, match="query: want a cell from 0 to 63"):
        seen.row(64)


def test_half_precision_comes_back_single() -> None:
    seen = filled((4, 4), 2, 1)
    half = Windows(
        seen.weights.astype(np.float16),
        *(getattr(seen, n) for n in ("kept", "grid", "window", "shift", "stage", "block", "name", "cell", "bias")),
    )
    assert half.row(3).dtype == np.float32
    np.testing.assert_allclose(half.row(3), seen.row(3), atol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": np.zeros((4, 2, 4, 5), np.float32)}, "weights: want"),
        ({"weights": np.zeros((4, 2, 4, 4))}, "want float16 or float32"),
        ({"bias": np.zeros((2, 4, 4), np.float32)}, "bias: want"),
        ({"kept": (0, 1, 3, 2)}, "rising"),
        ({"kept": (0, 1, 2, 4)}, "windows: want numbers from 0 to 3"),
        ({"shift": 2}, "shift: want"),
    ],
)
def test_windows_that_do_not_fit_are_refused(change: dict[str, object], message: str) -> None:
    from dataclasses import replace

    with pytest.raises(ValueError, match=message):
        replace(filled((4, 4), 2, 1), **change)  # type: ignore[arg-type]
