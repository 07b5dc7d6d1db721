"""Bundles written by version 1 of the format, before records carried signals, open as what they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from visualizer import methods
from vit_attention import AttentionRecord

BUNDLES = Path(__file__).resolve().parents[2] / "data" / "bundles"


@pytest.mark.parametrize(
    ("name", "shapes", "sums", "said"),
    [
        ("picture", [(2, 2, 197)] * 2, [3.999617278575897, 4.000354468822479], ""),
        (
            "reading",
            [(1, 35, 35), (1, 35, 96)],
            [34.999951243400574, 35.0004078745842],
            "<s_store> market deli</s_store>",
        ),
        ("caption", [(1, 196, 196)] * 2 + [(1, 4, 196)], [196.001246, 196.000319, 3.9999995827674866], "a green ring"),
    ],
)
def test_an_older_bundle_opens(name: str, shapes: list[tuple[int, ...]], sums: list[float], said: str) -> None:
    record = AttentionRecord.load(BUNDLES / f"{name}.npz")
    assert [one.weights.shape for one in record.maps] == shapes
    found = [np.nansum(one.weights.astype(np.float64)) for one in record.maps]
    np.testing.assert_allclose(found, sums, rtol=1e-8)
    assert record.prediction.text.startswith(said)
    assert record.signals == {}
    assert record.image.size[0] > 100


def test_its_maps_are_drawn_by_their_own_numbers() -> None:
    record = AttentionRecord.load(BUNDLES / "picture.npz")
    found = methods()["raw"](record, layer=10, head=3, query=5)
    np.testing.assert_array_equal(found.row, record.maps[0].weights[1, 1].astype(np.float32))
    assert record.settings["target"] == "star"
    assert record.has("gradients")
    reading = AttentionRecord.load(BUNDLES / "reading.npz")
    assert methods()["raw"](reading, query="total").values.shape == (8, 12)
