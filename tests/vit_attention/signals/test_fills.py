"""What stands in place of covered pixels, against dense equations, scipy and another library."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from vit_attention import compat  # noqa: F401  (compat goes before torchvision)
from vit_attention.gate import GateError
from vit_attention.signals.fills import NOISE, filler, imputed


def picture(height: int = 9, width: int = 11) -> Tensor:
    return torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def cover(height: int = 9, width: int = 11, share: float = 0.6) -> Tensor:
    return torch.rand(height, width, generator=torch.Generator().manual_seed(3)) < share


def dense(pixels: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """One equation for every pixel of a channel: it stays, or is the weighted mean of those around it."""
    height, width = hidden.shape
    matrix, right = np.eye(height * width), np.where(hidden, 0, pixels).ravel()
    for y, x in np.argwhere(hidden):
        around = {
            (y + dy, x + dx): 1 / 6 if 0 in (dy, dx) else 1 / 12
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
            if (dy, dx) != (0, 0) and 0 <= y + dy < height and 0 <= x + dx < width
        }
        for (a, b), weight in around.items():
            matrix[y * width + x, a * width + b] -= weight / sum(around.values())
    return np.linalg.solve(matrix, right).reshape(height, width)


@pytest.mark.parametrize("share", [0.1, 0.6, 0.95])
def test_imputation_solves_the_dense_equations(share: float) -> None:
    pixels, hidden = picture(), cover(share=share)
    found = imputed(pixels, hidden)[0].numpy()
    for channel, one in zip(pixels[0].numpy(), found, strict=True):
        np.testing.assert_allclose(one, dense(channel, hidden.numpy()), atol=1e-9)


def test_imputation_is_that_of_grad_cam() -> None:
    from pytorch_grad_cam.metrics.road import NoisyLinearImputer

    pixels, hidden = picture().float(), cover()
    theirs = NoisyLinearImputer(noise=0.0)(pixels[0], (~hidden).float())
    np.testing.assert_allclose(imputed(pixels, hidden)[0].numpy(), theirs.numpy(), atol=1e-5)


def test_a_plane_is_imputed_exactly_and_what_is_seen_stays() -> None:
    rows, columns = torch.meshgrid(torch.arange(9.0).double(), torch.arange(11.0).double(), indexing="ij")
    plane = (2 * rows - columns + 1).expand(1, 3, -1, -1)
    hidden = torch.zeros(9, 11, dtype=torch.bool)
    hidden[3:6, 2:8] = True  # away from the edge the weights are even on both sides
    torch.testing.assert_close(imputed(plane, hidden), plane)
    pixels = picture()
    made = filler(pixels, "road", (3, 3))(cover())
    torch.testing.assert_close(made[..., ~cover()], pixels[..., ~cover()], rtol=0, atol=0)
    torch.testing.assert_close(pixels, picture(), rtol=0, atol=0)


def test_a_picture_that_is_covered_whole_has_the_mean_colour_and_one_that_is_not_stays() -> None:
    pixels, every = picture(), torch.ones(9, 11, dtype=torch.bool)
    torch.testing.assert_close(imputed(pixels, every), pixels.mean(dim=(2, 3), keepdim=True).expand_as(pixels))
    assert imputed(pixels, ~every) is not pixels
    for fill in ("mean", "zero", "blur", "road"):
        torch.testing.assert_close(filler(pixels, fill, (3, 3))(~every), pixels, rtol=0, atol=0)


def test_the_noise_is_small_and_of_the_seed() -> None:
    pixels, every = torch.zeros(1, 3, 60, 60, dtype=torch.float64), torch.ones(60, 60, dtype=torch.bool)
    found = filler(pixels, "road", (4, 4), seed=1)(every)
    assert float(found.std()) == pytest.approx(NOISE, rel=0.05)
    torch.testing.assert_close(found, filler(pixels, "road", (4, 4), seed=1)(every), rtol=0, atol=0)
    assert not torch.equal(found, filler(pixels, "road", (4, 4), seed=2)(every))


def test_the_blur_is_a_gaussian_as_wide_as_a_patch() -> None:
    pixels, every = picture(30, 40), torch.ones(30, 40, dtype=torch.bool)
    made = filler(pixels, "blur", (3, 5))(every)[0].numpy()
    for channel, one in zip(pixels[0].numpy(), made, strict=True):
        wanted = gaussian_filter(channel, (3, 5), mode="nearest", radius=(9, 15))
        np.testing.assert_allclose(one, wanted, atol=1e-12)


def test_plain_fills_are_the_mean_of_every_channel_and_zero() -> None:
    pixels, hidden = picture(), cover()
    for channel, one in zip(pixels[0], filler(pixels, "mean", (3, 3))(hidden)[0], strict=True):
        assert one[hidden].tolist() == pytest.approx([float(channel.mean())] * int(hidden.sum()))
    assert not filler(pixels, "zero", (3, 3))(hidden)[..., hidden].any()


def test_other_fills_are_refused() -> None:
    with pytest.raises(GateError, match="fill as mean or zero or blur or road"):
        filler(picture(), "black", (3, 3))
