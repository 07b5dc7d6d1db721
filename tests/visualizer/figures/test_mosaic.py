from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from visualizer.figures.mosaic import atlas, head_grid

Sent = Callable[[go.Figure], dict[str, Any]]


def at(trace: dict[str, Any], x: float, y: float) -> int:
    """The byte drawn at (x, y)."""
    return int(trace["z"][round((y - trace["y0"]) / trace["dy"]), round((x - trace["x0"]) / trace["dx"])])


def test_the_atlas_of_144_maps_is_one_trace_of_bytes_under_60_kilobytes(
    sent: Sent, size: Callable[[go.Figure], int], rng: np.random.Generator
) -> None:
    fig = atlas(rng.random((12, 12, 14, 14)), title="All heads", chosen=(3, 4))
    assert size(fig) <= 60_000
    drawn = [t for t in sent(fig)["data"] if t["type"] != "scatter"]
    assert len(drawn) == 1
    assert drawn[0]["z"].dtype == np.uint8
    assert drawn[0]["z"].shape == (168, 168)


@pytest.mark.parametrize("shape", [(24, 16, 16, 16), (12, 12, 37, 37), (32, 16, 16, 16)])
def test_larger_models_stay_bounded_and_say_that_cells_are_means(
    sent: Sent, size: Callable[[go.Figure], int], rng: np.random.Generator, shape: tuple[int, ...]
) -> None:
    fig = atlas(rng.random(shape, dtype=np.float32))
    assert size(fig) <= 75_000
    assert "is the mean of" in sent(fig)["layout"]["annotations"][0]["text"]


def test_every_map_lies_under_its_layer_and_head_and_a_click_names_them(sent: Sent) -> None:
    maps = np.zeros((3, 4, 2, 2))
    maps[2, 1, 0, 1] = 0.9  # layer 3, head 2, upper right
    heat, chooser = sent(atlas(maps, scale="shared"))["data"]
    assert at(heat, 2.25, 2.75) == 254
    assert (heat["z"] == 254).sum() == 1
    assert chooser["customdata"][2 * 4 + 1] == [2, 1]  # a list: typed rows reach the page as {"0": 2, "1": 1}
    assert (chooser["x"][9], chooser["y"][9]) == (2, 3)
    assert chooser["text"][9] == "layer 3, head 2: max 0.9"


def test_layers_with_fewer_heads_or_coarser_grids_leave_clear_cells(sent: Sent) -> None:
    fig = atlas([np.ones((3, 2, 2)), np.full((1, 1, 1), 0.5)], scale="shared")
    heat, chooser = sent(fig)["data"]
    assert heat["z"].tolist()[2] == [127, 127, 255, 255, 255, 255]
    assert len(chooser["customdata"]) == 4
    assert heat["colorscale"][-1] == [1.0, "rgba(0,0,0,0)"]
    assert heat["zmax"] == 255


def test_per_map_and_shared_are_stated_and_differ(sent: Sent) -> None:
    maps = np.array([[[[0.0, 0.1]], [[0.0, 1.0]]]])
    own, same = sent(atlas(maps)), sent(atlas(maps, scale="shared"))
    assert own["data"][0]["z"].tolist() == [[0, 254, 0, 254]]
    assert same["data"][0]["z"].tolist() == [[0, 25, 0, 254]]
    assert "its own minimum" in own["layout"]["annotations"][0]["text"].replace("<br>", " ")
    assert "one scale for all maps, 0 to 1" in same["layout"]["annotations"][0]["text"].replace("<br>", " ")


def test_original_layer_numbers_are_kept(sent: Sent) -> None:
    out = sent(atlas(np.ones((2, 2, 2, 2)), layers=[4, 9]))
    assert out["layout"]["yaxis"]["ticktext"] == ["5", "10"]
    assert out["data"][1]["customdata"][-1] == [9, 1]


def test_the_head_grid_is_one_trace_with_names_and_captions_over_each_map(sent: Sent) -> None:
    maps = np.zeros((5, 3, 3))
    maps[4, 2, 0] = 1.0
    fig = head_grid(maps, captions=[f"{n} bits" for n in range(5)], per_row=2, clickable=True)
    heat, chooser = sent(fig)["data"]
    names = [a for a in sent(fig)["layout"]["annotations"] if a.get("name") != "caption"]
    assert [n["text"] for n in names][4] == "head 5<br>4 bits"
    row, column = np.argwhere(heat["z"] == 254)[0]
    left, top = names[4]["x"] - 1.5, names[4]["y"]
    assert (column - left, row - top) == (0, 2)
    assert chooser["customdata"].tolist() == [0, 1, 2, 3, 4]
    assert (chooser["x"][4], chooser["y"][4]) == (left + 1.5, top + 1.5)


def test_names_are_escaped_and_wrong_input_is_refused(sent: Sent) -> None:
    assert "<b>" not in str(sent(head_grid(np.ones((1, 2, 2)), names=["<b>x</b>"], captions=["<b>y</b>"])))
    for call, message in (
        (lambda: head_grid(np.ones((2, 2))), "maps: want"),
        (lambda: head_grid(np.ones((2, 2, 2)), names=["a"]), "names: want 2"),
        (lambda: head_grid(np.ones((2, 2, 2)), chosen=2), "chosen: want 0 to 1"),
        (lambda: atlas(np.ones((2, 2, 2))), "maps: want"),
        (lambda: atlas(np.ones((2, 2, 2, 2)), chosen=(0, 2)), "chosen head: want 0 to 1"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
