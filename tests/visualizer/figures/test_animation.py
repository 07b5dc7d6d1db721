from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

from visualizer.figures.animation import bar_animation, layer_animation
from vit_attention.records.geometry import Geometry
from worlds.scenes import scene

Sent = Callable[[go.Figure], dict[str, Any]]
FLAT = Image.new("RGB", (64, 64))


def test_twelve_layers_on_a_busy_picture_stay_under_80_kilobytes(
    size: Callable[[go.Figure], int], rng: np.random.Generator
) -> None:
    busy = Image.fromarray(scene(7, difficulty=1.0).pixels).resize((1024, 1024))
    assert size(layer_animation(busy, rng.random((12, 14, 14)))) < 80_000


def test_each_frame_holds_its_own_map_on_one_range(sent: Sent) -> None:
    maps = np.stack([np.full((2, 3), 0.1 * (n + 1)) for n in range(4)])
    out = sent(layer_animation(FLAT, maps, start=2))
    assert [float(f["data"][0]["z"][0, 0]) for f in out["frames"]] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert float(out["data"][0]["z"][0, 0]) == pytest.approx(0.3)
    assert (out["data"][0]["zmin"], out["data"][0]["zmax"]) == (0, pytest.approx(0.4))
    assert all("zmax" not in f["data"][0] for f in out["frames"])
    assert "one scale for all maps, 0 to 0.4" in out["layout"]["annotations"][0]["text"].replace("<br>", " ")


def test_the_slider_names_the_layer_and_points_at_its_frame(sent: Sent) -> None:
    out = sent(layer_animation(FLAT, np.ones((3, 2, 2)), start=1, names=["layer 5", "<b>layer</b> 6", "layer 7"]))
    slider = out["layout"]["sliders"][0]
    assert slider["active"] == 1
    assert [s["label"] for s in slider["steps"]] == ["layer 5", "&lt;b&gt;layer&lt;/b&gt; 6", "layer 7"]
    assert [s["args"][0] for s in slider["steps"]] == [[f["name"]] for f in out["frames"]]
    assert slider["currentvalue"]["prefix"] == ""


def test_play_and_pause_are_there_and_nothing_starts_by_itself(sent: Sent) -> None:
    play, pause = sent(layer_animation(FLAT, np.ones((3, 2, 2)), duration=250))["layout"]["updatemenus"][0]["buttons"]
    assert (play["label"], pause["label"]) == ("Play", "Pause")
    assert play["args"][0] is None
    assert play["args"][1]["frame"]["duration"] == 250
    assert pause["args"][0] == [None]


def test_frames_are_turned_and_placed_as_the_first_map(sent: Sent) -> None:
    maps = np.zeros((2, 2, 3))
    maps[1, 0, 2] = 1.0
    turned = Geometry.of(40, 60).turn(1)  # counter-clockwise: the original's right edge comes on top
    frame = sent(layer_animation(Image.new("RGB", (40, 60)), maps, turned))["frames"][1]["data"][0]
    row, column = np.unravel_index(frame["z"].argmax(), frame["z"].shape)
    assert (frame["x0"] + column * frame["dx"], frame["y0"] + row * frame["dy"]) == pytest.approx((30, 50))


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="start: want 0 to 1, got 2"):
        layer_animation(FLAT, np.ones((2, 2, 2)), start=2)
    with pytest.raises(ValueError, match="names: want 2"):
        layer_animation(FLAT, np.ones((2, 2, 2)), names=["a"])
    with pytest.raises(ValueError, match="maps: want"):
        layer_animation(FLAT, np.ones((2, 2)))


def test_bars_through_the_layers_share_one_axis(sent: Sent) -> None:
    rows = [[0.1, 0.9], [0.5, 0.5], [0.2, 0.4]]
    fig = bar_animation(
        ["<b>un", "happy"], rows, "share of attention", names=["layer 1", "layer 2", "layer 3"], start=1
    )
    out = sent(fig)
    np.testing.assert_allclose(out["data"][0]["x"], rows[1])
    assert [list(frame["data"][0]["x"]) for frame in out["frames"]] == rows
    assert out["frames"][2]["data"][0]["text"] == ["0.2", "0.4"]
    assert out["frames"][0]["data"][0]["hovertext"][0] == "&lt;b&gt;un: 0.1"
    assert out["layout"]["xaxis"]["range"][0] == 0
    assert out["layout"]["xaxis"]["range"][1] > 0.9
    assert [step["label"] for step in out["layout"]["sliders"][0]["steps"]] == ["layer 1", "layer 2", "layer 3"]
    assert out["layout"]["sliders"][0]["active"] == 1
    with pytest.raises(ValueError, match="names: want 3, one per map, got 1"):
        bar_animation(["a", "b"], rows, "share", names=["x"])
