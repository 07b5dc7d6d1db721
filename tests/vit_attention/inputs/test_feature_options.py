"""Features are prepared as the published data loader did it, once, and only where a checkpoint's options say so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.vit_attention.captioning_by_hand import ByHand
from tests.vit_attention.models.test_captioner import VOCAB, model_of
from tests.vit_attention.networks.test_aoanet import draw, small
from vit_attention.adapters import aoanet
from vit_attention.inputs.region_features import region_features
from vit_attention.models.captioner import END

PICTURE = Image.new("RGB", (100, 50))
BOXES = np.array([[0.0, 0, 50, 25]] + [[10.0 + n, 5, 60 + n, 45] for n in range(11)])
VALUES = draw(12, 4).numpy()


def by_the_loader(norm: bool, box: bool, norm_box: bool) -> Any:
    """Region by region, in plain numbers."""
    rows = []
    for value, (left, top, right, bottom) in zip(VALUES.tolist(), BOXES.tolist(), strict=True):
        row = [v / sum(x * x for x in value) ** 0.5 for v in value] if norm else value
        place = [left / 100, top / 50, right / 100, bottom / 50, (right - left) * (bottom - top) / 5000]
        length = sum(x * x for x in place) ** 0.5 if norm_box else 1
        rows.append(row + [x / length for x in place] * box)
    return np.array(rows)


@pytest.mark.parametrize(
    ("norm", "box", "norm_box"), [(1, 0, 0), (0, 1, 0), (0, 1, 1), (1, 1, 0), (1, 1, 1), (0, 0, 1), (0, 0, 0)]
)
def test_features_are_prepared_as_in_training(norm: int, box: int, norm_box: int) -> None:
    options = {"norm_att_feat": norm, "use_box": box, "norm_box_feat": norm_box}
    network = small(att_feat_size=4 + 5 * box, **options)
    model, want = model_of(network), by_the_loader(bool(norm), bool(box), bool(norm_box))
    given = region_features(VALUES, BOXES, PICTURE)
    found = model.prepare(given)
    np.testing.assert_allclose(found.values, want, atol=1e-6)
    np.testing.assert_array_equal(model.prepare(found).values, found.values)  # never twice
    np.testing.assert_array_equal(found.boxes, BOXES)
    record = model.attend(given)
    tokens = [0 if word == END else [*VOCAB.values()].index(word) + 1 for word in record.prediction.tokens]
    expected = ByHand(network.options, network.state_dict()).tell(want, [0, *tokens[:-1]])
    np.testing.assert_allclose(record.maps[-1].weights, expected["attention"].transpose(1, 0, 2), atol=1e-5)


def test_features_that_hold_their_boxes_are_taken_as_they_are() -> None:
    model, whole = model_of(small(att_feat_size=9, use_box=1, norm_att_feat=1)), by_the_loader(True, True, False)
    np.testing.assert_array_equal(model.prepare(whole).values, whole.astype(np.float32))


@pytest.mark.parametrize(
    "given",
    [VALUES, region_features(VALUES, BOXES), region_features(VALUES, None, PICTURE)],
    ids=["alone", "no picture", "no boxes"],
)
def test_says_that_boxes_are_wanted(given: Any) -> None:
    with pytest.raises(
        ValueError, match=r"boxes: want a box for each region .* got neither\. This checkpoint was trained with"
    ):
        model_of(small(att_feat_size=9, use_box=1)).prepare(given)


def test_a_region_of_zeros_stays_finite() -> None:
    found = model_of(small(norm_att_feat=1)).prepare(np.zeros((12, 4)))
    assert not found.values.any()


def test_a_plain_picture_gets_the_places_of_its_cells() -> None:
    network = small(att_feat_size=9, use_box=1)
    model = model_of(network, lambda pixels: (torch.zeros(5, 10, 4), None))
    found = model.prepare(PICTURE)
    np.testing.assert_allclose(found.values[13, 4:], [0.3, 0.2, 0.4, 0.4, 0.02], atol=1e-6)
    look = aoanet._resnet_look(network, None, None)
    with pytest.raises(ValueError, match="wants regions of 4 numbers"):
        look(torch.zeros(1, 3, 8, 8))
