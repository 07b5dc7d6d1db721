from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from visualizer.style import theme


@pytest.mark.parametrize("name", [*theme.COLORMAPS, *theme.DIVERGING])
def test_the_table_ends_in_the_map_s_own_colours(name: str) -> None:
    fig = go.Figure(go.Heatmap(colorscale=theme.colorscale(name)))
    first, last = (fig.data[0].colorscale[n][1] for n in (0, -1))
    for row, colour in zip(theme.table(name)[[0, 255]].tolist(), (first, last), strict=True):
        assert colour in ("#{:02x}{:02x}{:02x}".format(*row), "rgb({},{},{})".format(*row))


@pytest.mark.parametrize("name", [n for n in theme.OFFERED if n != "Greys"])
def test_offered_maps_grow_lighter_all_the_way_and_jet_does_not(name: str) -> None:
    weight = np.array([0.2126, 0.7152, 0.0722])
    light = ((theme.table(name) / 255.0) ** 2.2) @ weight
    assert (np.diff(light[::8]) > 0).all()
    jet = ((theme.table("Jet") / 255.0) ** 2.2) @ weight
    assert (np.diff(jet[::8]) < 0).any()
    assert "Jet" not in theme.OFFERED


def test_the_middle_of_a_diverging_map_is_nearly_white() -> None:
    for name in theme.DIVERGING:
        assert theme.table(name)[127:129].min() > 235


def test_an_unknown_map_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"colour map: want one of Cividis.*got 'Rainbow'"):
        theme.table("Rainbow")
