from __future__ import annotations

import numpy as np
import pytest

from visualizer.style.scale import MODES, Scale, apply_scale

GRID = np.array([[0.0, 0.1], [0.2, 0.4]])


def test_raw_and_clipped_keep_every_value() -> None:
    for mode in ("raw", "shared", "clipped"):
        assert np.array_equal(apply_scale(GRID, mode).values, GRID)


def test_raw_runs_from_zero_to_its_own_maximum() -> None:
    one = apply_scale(GRID, unit="raw weights".removeprefix("raw "))
    assert (one.low, one.high) == (0.0, 0.4)
    assert one.caption == "colour: raw weights, 0 to 0.4"
    assert one.tick_text == ("0", "0.1", "0.2", "0.3", "0.4")


def test_shared_takes_the_largest_of_all_maps_even_of_other_shapes() -> None:
    one = apply_scale(GRID, "shared", [GRID, np.full((3, 5), 0.9)])
    assert (one.low, one.high) == (0.0, 0.9)
    assert one.caption.endswith("one scale for all maps, 0 to 0.9")


def test_per_map_stretches_each_map_of_a_stack_by_itself() -> None:
    out = apply_scale(np.stack([GRID, 3 + 10 * GRID]), "per map").values
    assert np.allclose(out[0], [[0, 0.25], [0.5, 1]])
    assert np.allclose(out[1], out[0])


def test_log_has_a_stated_floor_and_counts_what_lies_below() -> None:
    one = apply_scale([[0.0, 1e-5], [1e-2, 0.1]], Scale("log", floor=1e-4))
    assert np.allclose(one.values, [[-4, -4], [-2, -1]])
    assert (one.low, one.high) == (-4.0, pytest.approx(-1.0))
    assert "0.0001 to 0.1" in one.caption
    assert "2 smaller drawn like 0.0001" in one.caption
    assert one.tick_text[0] == "0.0001"


def test_clipped_says_how_many_values_share_the_last_colour() -> None:
    values = np.arange(100, dtype=float).reshape(10, 10)
    one = apply_scale(values, Scale("clipped", 90))
    assert one.high == pytest.approx(89.1)  # linear interpolation between 89 and 90
    assert "10 larger drawn like 89.1" in one.caption
    assert one.unit_interval().max() == 1.0


@pytest.mark.parametrize("mode", list(MODES))
def test_undefined_cells_stay_undefined_and_empty_ranges_divide_by_nothing(mode: str) -> None:
    with np.errstate(all="raise"):
        for values in (np.full((2, 2), 0.3), np.zeros((2, 2)), np.full((2, 2), np.nan), np.array([[np.nan, 0.2]])):
            one = apply_scale(values, mode)
            assert np.array_equal(np.isnan(one.values), np.isnan(values))
            assert one.high > one.low
            assert one.caption.startswith("colour: ")


def test_constant_and_empty_maps_are_said_to_be_so() -> None:
    flat = apply_scale(np.full((2, 2), 0.3), "per map")
    assert "1 constant drawn as 0" in flat.caption
    assert (flat.ticks, flat.tick_text) == ((0.0,), ("0.3",))


def test_the_bar_of_a_stretched_map_prints_its_true_ends() -> None:
    one = apply_scale(np.array([[0.42, 0.508], [0.45, 0.5]]), "per map")
    assert (one.ticks[0], one.tick_text[0], one.ticks[-1], one.tick_text[-1]) == (0, "0.42", 1, "0.508")
    assert one.tick_text[2] == "0.464"  # the middle
    assert "stretched from 0.42 to 0.508" in one.caption
    many = apply_scale(np.stack([np.eye(2), 3 + np.eye(2)]), "per map")
    assert (many.ticks, many.tick_text) == ((0.0, 1.0), ("own min", "own max"))
    assert "every value is 0" in apply_scale(np.zeros((2, 2))).caption
    assert "no value here is defined" in apply_scale(np.full((2, 2), np.nan)).caption


def test_bad_modes_and_values_are_refused() -> None:
    with pytest.raises(ValueError, match="scale: want one of raw"):
        apply_scale(GRID, "square root")
    with pytest.raises(ValueError, match="clip_percentile"):
        Scale("clipped", 0)
    with pytest.raises(ValueError, match="floor"):
        Scale("log", floor=0)
    with pytest.raises(ValueError, match="at least 0"):
        apply_scale([[-1.0, 1.0]], "log")
    with pytest.raises(ValueError, match="finite"):
        apply_scale([[np.inf, 1.0]])


def test_signed_values_lie_evenly_round_zero_in_a_diverging_map() -> None:
    values = np.array([[-0.1, 0.0], [0.2, np.nan]])
    one = apply_scale(values, unit="raw score")
    assert (one.low, one.high) == (-0.2, 0.2)
    assert one.unit_interval()[0].tolist() == [0.25, 0.5]
    assert "middle is 0" in one.caption
    assert one.colormap("Cividis") == "PuOr"
    assert one.colormap("RdBu") == "RdBu"
    assert apply_scale(np.abs(values)).colormap("Cividis") == "Cividis"
    assert apply_scale(np.abs(values), signed=True).low == -0.2
    assert apply_scale(values, signed=False).low == -0.1
    rounded = apply_scale([[1.0, -1e-9]])
    assert (rounded.low, rounded.colormap("Cividis")) == (-1e-9, "Cividis")


def test_signed_maps_share_one_range_or_have_each_their_own() -> None:
    maps = np.array([[[-0.1, 0.05]], [[0.4, 0.0]]])
    shared = apply_scale(maps[0], "shared", maps, signed=True)
    assert shared.high == pytest.approx(0.4)
    own = apply_scale(maps, "per map", signed=True)
    assert own.values.tolist() == [[[-1, 0.5]], [[1, 0]]]
    assert own.tick_text == ("-own max", "0", "+own max")
    clipped = apply_scale(np.r_[np.full(99, -1.0), 50.0][None], Scale("clipped", clip_percentile=90), signed=True)
    assert (clipped.low, clipped.high) == (-1, 1)
    assert "1 beyond" in clipped.caption
