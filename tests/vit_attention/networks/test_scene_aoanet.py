"""The scene captioner's eyes: regions in reading order, each knowing where it lies."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vit_attention.networks.scene_aoanet import FEATURES, GRID, POSITIONS, SceneCNN, position_code


@pytest.fixture(scope="module")
def network() -> SceneCNN:
    torch.manual_seed(0)
    return SceneCNN().eval()


def test_one_region_per_cell(network: SceneCNN) -> None:
    with torch.no_grad():
        regions = network(torch.zeros(2, 3, 112, 112))
    assert regions.shape == (2, GRID[0] * GRID[1], FEATURES)
    assert FEATURES == 128 + POSITIONS


@pytest.mark.parametrize(("row", "column"), [(2, 11), (11, 2), (7, 7)])
def test_regions_are_in_reading_order(network: SceneCNN, row: int, column: int) -> None:
    """A dot on a grey picture changes the region it lies in more than any region far away."""
    grey = torch.zeros(1, 3, 112, 112)
    dotted = grey.clone()
    dotted[..., 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 2.0
    with torch.no_grad():
        change = (network(dotted) - network(grey)).abs().sum(dim=-1).view(GRID)
    strongest = divmod(int(change.argmax()), GRID[1])
    assert max(abs(strongest[0] - row), abs(strongest[1] - column)) <= 2  # convolutions mix neighbours
    assert change[13 - row, column] < change[row, column] or row == 7


def test_the_position_code_is_that_of_the_cell() -> None:
    """Against the definition, cell by cell."""
    code = position_code((3, 5)).view(3, 5, POSITIONS).numpy()
    for row in range(3):
        for column in range(5):
            at = np.array([(2 * column + 1) / 5 - 1, (2 * row + 1) / 3 - 1])
            waves = [f(np.pi * at / period) for period in (2.0, 1.0, 0.5) for f in (np.sin, np.cos)]
            np.testing.assert_allclose(code[row, column], np.concatenate([at, *waves]), atol=1e-6)


def test_no_two_cells_share_a_code() -> None:
    code = position_code()
    apart = torch.cdist(code, code) + torch.eye(len(code))
    assert apart.min() > 0.1


def test_every_region_carries_its_place(network: SceneCNN) -> None:
    with torch.no_grad():
        regions = network(torch.randn(1, 3, 112, 112))
    torch.testing.assert_close(regions[0, :, -POSITIONS:], position_code())


def test_the_position_code_is_no_weight(network: SceneCNN) -> None:
    assert "position" not in network.state_dict()


def test_a_picture_does_not_change_its_neighbours_in_the_batch(network: SceneCNN) -> None:
    pictures = torch.randn(3, 3, 112, 112)
    with torch.no_grad():
        torch.testing.assert_close(network(pictures)[1:2], network(pictures[1:2]), atol=1e-4, rtol=1e-4)


def test_it_is_small(network: SceneCNN) -> None:
    """Half precision leaves two thirds of 6 MB for the captioner."""
    assert 2 * sum(p.numel() for p in network.parameters()) < 2.2e6
