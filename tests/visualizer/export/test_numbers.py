from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visualizer import save_numbers
from vit_attention.gate import GateError
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Prediction


@pytest.fixture
def record(rng: np.random.Generator) -> AttentionRecord:
    patches = Axis.patches(1, 2, ("class",))
    rows = rng.random((2, 3, 3)).astype(np.float32)
    rows /= rows.sum(-1, keepdims=True)
    regions = Axis("regions", boxes=np.array([[0, 0, 1, 1], [np.nan] * 4]))
    window = np.array([[[1, np.nan], [0.25, 0.75]]], np.float32)
    maps = (
        AttentionMap(rows, "a", 0, "self", patches, patches, heads=(4, 7)),
        AttentionMap(window, "b", 1, "window", regions, regions),
    )
    return AttentionRecord(maps, prediction=Prediction(("NaN", '"\ud800'), np.array([1, 2], np.float32)), model="m")


def test_json_holds_every_weight_and_what_it_stands_for(record: AttentionRecord, tmp_path: Path) -> None:
    text = save_numbers(record, tmp_path / "a.json").read_text("ascii")
    data = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    first, second = data["maps"]
    assert np.array_equal(np.array(first["weights"], np.float32), record.maps[0].weights)
    assert (first["heads"], first["queries"], first["key"]["special"]) == ([4, 7], [0, 1, 2], ["class"])
    assert second["weights"] == [[[1, None], [0.25, 0.75]]]
    assert second["query"]["boxes"][1] == [None] * 4
    assert {one["class"] for one in data["prediction"]["top"]} == {"NaN", '"\ud800'}


def test_csv_has_a_line_for_every_weight(record: AttentionRecord, tmp_path: Path) -> None:
    with save_numbers(record, tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 2 * 9 + 4
    last = lines[17]
    assert [last[name] for name in ("map", "layer", "kind", "head", "query", "key", "row", "column")] == [
        *("0", "0", "self", "7", "2", "2", "0", "1")
    ]
    assert np.float32(last["weight"]) == record.maps[0].weights[1, 2, 2]
    assert (lines[15]["key"], lines[15]["row"], lines[19]["weight"]) == ("0", "", "")


def test_parts_are_chosen_by_their_own_numbers(record: AttentionRecord, tmp_path: Path) -> None:
    data = json.loads(save_numbers(record, tmp_path / "a.json", layers=0, heads=[7], queries=(0, 2)).read_text())
    (only,) = data["maps"]
    assert (only["heads"], only["queries"]) == ([7], [0, 2])
    assert np.array_equal(np.array(only["weights"], np.float32), record.maps[0].weights[1:, [0, 2]])


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("a.parquet", {}, "a.parquet: want a name that ends in .json, .csv"),
        ("a.json", {"layers": [2]}, r"layers: want some of \[0, 1\], got 2"),
        ("a.json", {"layers": [0], "heads": 1}, r"heads: want some of \[4, 7\], got 1"),
        ("a.json", {"queries": ["class"]}, "queries: want some of .*, got 'class'"),
    ],
)
def test_what_is_not_there_is_refused(
    record: AttentionRecord, tmp_path: Path, name: str, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(GateError, match=message):
        save_numbers(record, tmp_path / name, **more)
    assert not list(tmp_path.iterdir())
