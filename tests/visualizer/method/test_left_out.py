"""Sinks left out at display: on a record in which one head of one layer has collapsed onto one patch."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from visualizer.method import QuestionError, methods
from visualizer.method.left_out import left_out
from vit_attention.cli.app import main
from vit_attention.records import AttentionMap, AttentionRecord, Axis
from vit_attention.records.geometry import Geometry

AXIS = Axis.patches(3, 4, ("class",))
SINK, LAYER = 6, 1  # the patch in row 1, column 1
TOLD = "; the model was not changed"


@pytest.fixture(scope="module")
def record() -> AttentionRecord:
    """Three layers of 2 heads over a class token and 3 x 4 patches; one head of layer 1 gives 90 % to one patch."""
    layers = np.random.default_rng(3).dirichlet(np.full(13, 20.0), size=(3, 2, 13)).astype(np.float32)
    layers[LAYER, 1] *= 0.1
    layers[LAYER, 1, :, SINK] += 0.9
    maps = tuple(AttentionMap(one, f"block.{n}", n, "self", AXIS, AXIS) for n, one in enumerate(layers))
    page = io.BytesIO()
    Image.new("RGB", (64, 48), "white").save(page, "PNG")
    return AttentionRecord(maps, Geometry.of(64, 48), picture=page.getvalue())


def test_the_rest_of_the_row_is_rescaled_to_one(record: AttentionRecord) -> None:
    rollout = methods()["rollout"]
    plain, hidden = rollout(record, query=(0, 0)), rollout(record, query=(0, 0), sinks="hide")
    rest = [n for n in range(13) if n != SINK]
    np.testing.assert_allclose(hidden.row[rest], plain.row[rest] / plain.row[rest].sum(), rtol=1e-6)
    assert np.isnan(hidden.row).nonzero()[0].tolist() == [SINK]
    assert np.isnan(hidden.values[1, 1])
    share = f"{plain.row[SINK]:.1%}"
    end = f"; 1 sink left out at display ({share} of the row), the rest rescaled to 100 %{TOLD}"
    assert hidden.words == plain.words + end
    assert hidden.code == "methods()[\"rollout\"](record, query=(0, 0), sinks='hide')"
    np.testing.assert_array_equal(hidden.weights, plain.weights)


@pytest.mark.parametrize(
    ("name", "asked", "hidden"),
    [
        ("raw", {"layer": LAYER}, True),
        ("raw", {"layer": 2}, False),
        ("raw", {"layer": 0}, False),
        ("rollout", {"layer": 0}, False),
        ("rollout", {"layer": LAYER}, True),
        ("rollout", {"start_layer": 2}, False),
        ("mean-of-layers", {"layer": 2}, True),
        ("mean-of-layers", {"layer": 2, "start_layer": 2}, False),
    ],
)
def test_only_the_layers_behind_a_map_count(
    record: AttentionRecord, name: str, asked: dict[str, int], hidden: bool
) -> None:
    found = methods()[name](record, sinks="hide", **asked)
    assert np.isnan(found.row).nonzero()[0].tolist() == [SINK] * hidden
    assert found.words.endswith(TOLD if hidden else "; no sink found to leave out")


def test_what_cannot_be_hidden_is_said(record: AttentionRecord) -> None:
    with pytest.raises(
        QuestionError, match="sinks: want a map of shares of attention to leave sinks out of, got one of times"
    ):
        methods()["received"](record, sinks="hide")
    with pytest.raises(QuestionError, match="sinks: want one of show, hide, got True"):
        methods()["raw"](record, sinks=True)
    some = replace(record.maps[0], weights=record.maps[0].weights[:, :1], queries=(0,))
    with pytest.raises(QuestionError, match="sinks: want all rows of layer 0, and this record kept 1"):
        methods()["raw"](replace(record, maps=(some,)), sinks="hide")
    with pytest.raises(ValueError, match="keys: want 13 booleans or numbers from 0 to 12"):
        left_out(methods()["raw"](record), [13])


def test_tokens_of_ones_own_choice(record: AttentionRecord) -> None:
    found = left_out(methods()["raw"](record), [3, 4])
    assert np.isnan(found.row).nonzero()[0].tolist() == [3, 4]
    assert re.search(r"; 2 tokens left out at display \(\d+\.\d% of the row\)", found.words)


def test_holes_in_figures_and_files(record: AttentionRecord, tmp_path: Path) -> None:
    asked = {"method": "rollout", "sinks": "hide"}
    figure = record.show(**asked)
    assert np.isnan(np.asarray(figure.data[0].z, float)).nonzero() == ([1], [1])
    assert "1 sink left out at display" in figure.layout.title.text.replace("<br>", " ")
    big = record.heatmap(size="original", **asked)
    assert np.isnan(big).sum() == 16 * 16
    assert np.isnan(big[16:32, 16:32]).all()
    white = np.array([255, 255, 255])
    drawn = np.asarray(record.overlay(alpha=1.0, **asked))
    assert (drawn[17:31, 17:31] == white).all()
    assert not (drawn[:15] == white).all(axis=-1).any()
    for name in ("map.png", "map.svg", "map.pdf"):
        assert record.save_figure(tmp_path / name, **asked).stat().st_size > 1000


def test_the_command_line_leaves_them_out(tmp_path: Path) -> None:
    words = ["visualize", "scene-7", "--model", "scene-vit", "--method", "rollout", "--output", str(tmp_path), "--json"]
    done = CliRunner().invoke(main, [*words, "--without-sinks"])
    assert done.exit_code == 0, done.output
    assert "left out at display" in done.output
    assert "left out at display" not in CliRunner().invoke(main, words).output
    words[5] = "lengths"
    done = CliRunner().invoke(main, [*words, "--without-sinks"])
    assert "--without-sinks: want a map of shares of attention to leave sinks out of, got one of length" in done.output
