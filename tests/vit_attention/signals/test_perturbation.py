"""Parts of a picture covered, or hidden at random: runs against loops by their definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from skimage.segmentation import slic
from skimage.transform import resize
from torch import Tensor

import vit_attention as va
from tests.vit_attention.signals.tiny import PATCH, again, curved, pixels
from visualizer import methods
from vit_attention.gate import GateError
from vit_attention.records import Run
from vit_attention.signals import carry_out, occlusion, rise
from worlds.scenes import scene

KNOBS: dict[str, dict[str, Any]] = {
    "occlusion": {"window": 1, "stride": 1, "fill": "mean", "cover": "superpixels", "segments": 6},
    "rise": {"masks": 40, "cells": 3, "kept": 0.4, "seed": 5},
}


def by_patch(values: np.ndarray) -> np.ndarray:
    """(rows, columns) means over the pixels of patches, one after the other; pixels beyond the last patch count for none."""
    rows, columns = values.shape[0] // PATCH[0], values.shape[1] // PATCH[1]
    return np.array(
        [[values[4 * r : 4 * r + 4, 4 * c : 4 * c + 4].mean() for c in range(columns)] for r in range(rows)]
    )


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("fill", ["mean", "zero"])
def test_superpixels_are_covered_one_at_a_time(channels: int, fill: str) -> None:
    """16 x 26 pixels: two columns of pixels belong to no patch, though superpixels reach there."""
    given = torch.cat([pixels(channels), pixels(channels)[..., :2]], dim=-1)
    shown = given[0].numpy() if channels == 3 else np.repeat(given[0].numpy().mean(axis=0)[None], 3, axis=0)
    shown = np.moveaxis((shown - shown.min()) / np.ptp(shown), 0, -1)
    segments = slic(shown, n_segments=6, start_label=0, channel_axis=-1)
    assert 1 <= segments.max() < 12
    before, falls = curved(given)[0, 0], np.zeros(segments.shape)
    for number in np.unique(segments):
        covered = given.clone()
        for channel in range(channels):
            colour = given[0, channel].mean() if fill == "mean" else 0
            covered[0, channel][torch.from_numpy(segments == number)] = colour
        falls[segments == number] = before - curved(covered)[0, 0]
    run = Run.of("occlusion", **{**KNOBS["occlusion"], "fill": fill})
    found = carry_out(run, again(given, curved))
    np.testing.assert_allclose(found, by_patch(falls), rtol=1e-5)
    assert np.abs(found - carry_out(Run.of("occlusion", window=2, stride=1, fill=fill), again(given, curved))).max() > 1


def test_a_picture_of_one_colour_has_superpixels_too() -> None:
    flat = torch.ones(1, 3, 16, 24, dtype=torch.float64)
    parts = occlusion.superpixels(flat, 6)
    assert torch.stack(parts).sum(dim=0).eq(1).all()
    np.testing.assert_array_equal(carry_out(Run.of("occlusion", **KNOBS["occlusion"]), again(flat, curved)), 0)


def test_masks_are_coarse_grids_enlarged_and_shifted() -> None:
    """The authors enlarge with scikit-image to one cell more than the picture has, and cut out at a random place."""
    made, size = list(rise.drawn(30, 3, 0.4, 5, (16, 25))), (16, 25)
    chance = torch.Generator().manual_seed(5)
    for mask in made:
        coarse = (torch.rand((1, 1, 3, 3), generator=chance) < 0.4)[0, 0].float().numpy()
        fine = resize(coarse, (4 * 6, 4 * 9), order=1, mode="edge", anti_aliasing=False)
        top, left = (int(torch.randint(side, (), generator=chance)) for side in (6, 9))
        np.testing.assert_allclose(mask, fine[top : top + size[0], left : left + size[1]], atol=1e-6)
    assert torch.stack(list(rise.drawn(4000, 3, 0.4, 0, size))).mean((0, 1, 2)) == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize("similar", [False, True])
def test_rise_is_the_mean_score_of_what_is_seen(similar: bool) -> None:
    given = pixels()
    total, weight = np.zeros((16, 24)), np.zeros((16, 24))
    for mask in rise.drawn(40, 3, 0.4, 5, (16, 24)):
        scores = curved(given * mask)[0].numpy()
        score = scores[1] if similar else np.exp(scores[1]) / np.exp(scores).sum()
        for place in np.ndindex(16, 24):
            total[place] += float(score) * float(mask[place])
            weight[place] += float(mask[place])
    found = carry_out(Run.of("rise", **KNOBS["rise"]), again(given, curved, target=1, similar=similar))
    np.testing.assert_allclose(found, by_patch(total / weight), rtol=1e-5)
    # Equation 6 divides by the share that is kept on average: the same map, but for the luck of the draw.
    assert np.corrcoef(found.ravel(), by_patch(total / 40 / 0.4).ravel())[0, 1] < 0.999


def test_rise_divides_by_what_equation_6_expects() -> None:
    given = pixels()
    many = Run.of("rise", masks=3000, cells=3, kept=0.4, seed=1)
    total = torch.zeros(16, 24)
    for mask in rise.drawn(3000, 3, 0.4, 1, (16, 24)):
        total += curved(given * mask)[0].softmax(dim=0)[1] * mask
    wanted = by_patch((total / 3000 / 0.4).numpy())
    np.testing.assert_allclose(carry_out(many, again(given, curved, target=1)), wanted, rtol=0.08)


def test_a_score_that_never_changes_has_a_flat_map() -> None:
    def constant(some: Tensor) -> Tensor:
        return torch.tensor([[1.0, 2.0]]).repeat(len(some), 1)

    run = Run.of("rise", masks=12, cells=3, kept=0.5, seed=0)
    found = carry_out(run, again(pixels(), constant))
    np.testing.assert_allclose(found, 1 / (1 + np.e), rtol=1e-6)


def test_the_seed_makes_the_masks() -> None:
    given = again(pixels(), curved, target=1)
    one, two, other = (carry_out(Run.of("rise", **{**KNOBS["rise"], "seed": n}), given) for n in (5, 5, 6))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - other).max() > 1e-3


def test_the_object_is_what_has_to_be_seen() -> None:
    made, method = scene(7), methods()["rise"]
    record = va.load("scene-vit").attend(made.picture, target="ring", keep=method.needs_for(masks=80), layers=[0])
    found = method(record, masks=80)
    inside = made.mask.reshape(14, 16, 14, 16).mean(axis=(1, 3)) > 0.1
    assert found.values[inside].mean() > found.values[~inside].mean() + 0.05
    assert 0 <= found.values.min() <= found.values.max() <= 1
    assert (found.unit, found.signed, found.words) == (
        "probability",
        False,
        "mean of the probability of ring under 80 random masks, by what they leave to be seen",
    )


@pytest.mark.parametrize(
    ("name", "knobs", "why"),
    [
        ("occlusion", {"cover": "circles"}, "occlusion: want cover as window or superpixels, got 'circles'"),
        ("occlusion", {"segments": 0}, "occlusion: want segments as a whole number from 1 up, got 0"),
        ("rise", {"masks": 1.5}, "rise: want masks as a whole number from 1 up, got 1.5"),
        ("rise", {"cells": 1}, "rise: want cells as a whole number from 2 up, got 1"),
        ("rise", {"kept": 1}, "rise: want kept as a probability between 0 and 1, got 1"),
        ("rise", {"seed": True}, "rise: want seed as a whole number from 0 up, got True"),
        ("rise", {"window": 1}, "rise: want the knobs cells, kept, masks, seed, got"),
    ],
)
def test_what_a_run_does_not_take_is_said(name: str, knobs: dict[str, Any], why: str) -> None:
    with pytest.raises(GateError, match=why):
        carry_out(Run.of(name, **{**KNOBS[name], **knobs}), again(pixels(), curved))
    with pytest.raises(GateError, match=f"{name}: want a class, target=CLASS"):
        carry_out(Run.of(name, **KNOBS[name]), again(pixels(), curved, target=None))


@pytest.mark.parametrize("name", ["rise", "smoothgrad"])
def test_a_seed_means_the_same_whatever_the_callers_precision(name: str) -> None:
    smooth = {"samples": 3, "noise": 0.15, "absolute": "after", "seed": 5}
    run, given = Run.of(name, **KNOBS.get(name, smooth)), again(pixels(), curved)
    wanted, usual = carry_out(run, given), torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        np.testing.assert_allclose(carry_out(run, given), wanted, rtol=1e-5)
    finally:
        torch.set_default_dtype(usual)
