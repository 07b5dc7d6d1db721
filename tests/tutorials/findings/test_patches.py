"""The findings of the page on patches, with tokens made by hand, and the formulas on the bundled model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import vit_attention as va
from tests.tutorials.findings.hand import PATCH, context, running
from tutorials.findings import patches
from tutorials.findings.context import Context, Picture
from worlds.scenes import scene

GRID = (4, 4)
UNIFORM = np.full((17, 17), 1 / 17)


@pytest.fixture
def hidden(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, np.ndarray]], None]:
    """``hidden({"hand": (layers + 1, tokens, width)})``: what the model is said to have computed; "other": painted over."""

    def say(states: dict[str, np.ndarray]) -> None:
        def painted(model: object, picture: Picture, row: int, column: int) -> np.ndarray:
            before, after = states["hand"], states["other"]
            return np.sqrt(((after - before) ** 2).sum(axis=-1) / (before**2).sum(axis=-1))

        monkeypatch.setattr(patches, "hidden_states", lambda model, picture: states["hand"])
        monkeypatch.setattr(patches, "painted", painted)

    return say


def seen(pixels: np.ndarray | None = None, **more: object) -> Context:
    return context([[UNIFORM]], GRID, pixels=pixels, query=1, **more)  # type: ignore[arg-type]


def checked_colours() -> np.ndarray:
    """(32, 32, 3) red and green patches like a chessboard: neighbours differ, same colours lie everywhere."""
    board = np.indices(GRID).sum(axis=0) % 2
    colours = np.where(board[..., None], (200, 0, 0), (0, 200, 0)).astype(np.uint8)
    return colours.repeat(PATCH, axis=0).repeat(PATCH, axis=1)


def test_tokens_that_follow_colour_are_found_alike_by_colour(hidden) -> None:
    colours = checked_colours()[::PATCH, ::PATCH].reshape(16, 3).astype(float)
    hidden({"hand": np.vstack([np.ones((1, 3)), colours + 1])[None]})
    found = patches.most_alike_at_first(seen(checked_colours()))
    assert found.answer == (patches.COLOUR,)
    assert "with 1.00" in found.text


def test_tokens_that_follow_place_are_found_alike_by_place(hidden) -> None:
    angles = np.hypot(*np.indices(GRID)).ravel() / 5  # likeness to patch 0 falls exactly with distance
    place = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    hidden({"hand": np.vstack([np.ones((1, 2)), place])[None]})
    found = patches.most_alike_at_first(seen(checked_colours()))
    assert found.answer == (patches.NEAR,)
    assert "correlation of 1.00" in found.text


def test_tokens_without_a_rule_are_called_so(hidden) -> None:
    hidden({"hand": np.ones((1, 17, 3))})
    assert patches.most_alike_at_first(seen(checked_colours())).answer == patches.NEITHER


def test_half_patches_make_four_times_as_many_and_keep_the_special_tokens() -> None:
    found = patches.tokens_of_half_patches(seen())
    assert found.answer == 65.0
    assert "8 x 8 = 64 patches" in found.text
    assert "289 to 4,225" in found.text


def test_painted_patch_counts_the_tokens_that_change(hidden) -> None:
    before = np.ones((3, 17, 4))
    after = before.copy()
    after[0, 1] += 1  # entering: the patch's own token alone
    after[1, :5] += 0.001  # after layer 1: five tokens by 0.1 %
    after[2] += 0.5
    hidden({"hand": before, "other": after})
    first = patches.only_own_patch(seen())
    assert first.answer is None, "a demonstration"
    assert "1 of 17 tokens that enter layer 1" in first.text
    assert "5 of those that leave layer 1" in first.text
    assert "5 of 17 tokens that leave layer 1" in patches.one_layer_is_enough(seen()).text
    after[1] += 0.001
    all_of_them = patches.one_layer_is_enough(seen())
    assert "17 of 17 tokens that leave layer 1" in all_of_them.text
    assert "only 0 by more than 1 %" in all_of_them.text


def test_a_model_that_mixes_nothing_keeps_every_token_to_its_patch(hidden) -> None:
    before = np.ones((2, 17, 4))
    after = before.copy()
    after[:, 1] += 1
    hidden({"hand": before, "other": after})
    assert "1 of those that leave layer 1" in patches.only_own_patch(seen()).text


@pytest.mark.parametrize("holds", [True, False])
def test_neighbours_positions_reads_the_table(holds: bool) -> None:
    row, column = np.divmod(np.arange(16), 4)
    smooth = np.stack([np.cos(row / 2), np.sin(row / 2), np.cos(column / 2), np.sin(column / 2)], axis=1)
    table = np.vstack([np.zeros((1, 4)), smooth if holds else np.random.default_rng(3).normal(size=(16, 4))])
    model = SimpleNamespace(position_table=lambda: table)
    assert ("for 16 of 16 patches" in patches.neighbours_positions(seen(model=model)).text) is holds
    model.position_table = lambda: None
    assert patches.neighbours_positions(seen(model=model)).answer is None


def test_objects_gather_compares_the_gap_with_the_start(hidden) -> None:
    mask = np.zeros(GRID)
    mask[0, :2] = 1
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(17, 5))
    apart = np.where(np.r_[0, mask.ravel()][:, None] > 0, 1.0, -1.0) * np.ones((17, 5)) + 0.01 * mixed
    now = context([[UNIFORM]], GRID, mask)
    hidden({"hand": np.stack([mixed, apart])})
    found = patches.objects_gather(now)
    assert found.answer is True
    assert "1.00 and -1.00" in found.text
    hidden({"hand": np.stack([apart, mixed])})
    assert patches.objects_gather(now).answer is False
    assert patches.objects_gather(seen()).answer is None


def test_taking_the_mean_off_reveals_opposites_under_a_common_part(hidden) -> None:
    apart = np.zeros((17, 2))
    apart[1:, 0], apart[1:, 1] = 1000, np.tile([1, -1], 8)
    hidden({"hand": apart[None]})
    assert patches.likeness(seen(), 0)[0, 1] == pytest.approx(1, abs=1e-4)
    assert patches.likeness(seen(), 0, centred=True)[0, :3] == pytest.approx([1, -1, 1])


def test_ring_counts_diagonal_steps() -> None:
    assert patches.ring(GRID, 5).reshape(4, 4).tolist() == [[1, 1, 1, 2], [1, 0, 1, 2], [1, 1, 1, 2], [2, 2, 2, 2]]


@pytest.fixture(scope="module")
def with_model() -> Context:
    """The bundled model on a scene."""
    model, picture = va.load("scene-vit"), Picture.drawn("scene-7")
    record = model.attend(picture.image, layers=[0])
    chosen = replace(context([[UNIFORM]], GRID, query=1).chosen, row=9, column=4)
    return Context("scene-vit", picture, record, chosen, running(model))


def test_entering_tokens_are_linear_in_their_own_pixels_and_position(with_model: Context) -> None:
    assert patches.linear_error(with_model) < 1e-4


def test_only_the_painted_patch_changes_before_layer_1(with_model: Context) -> None:
    moved = patches.change(with_model)
    own = 1 + 9 * 14 + 4
    assert np.flatnonzero(moved[0] > 0).tolist() == [own]
    assert (moved[1] > 0).all()


def test_chosen_pixels_are_the_means_of_two_by_two_pixels_of_the_scene(with_model: Context) -> None:
    """scene-vit halves a scene: the patch in row 10, column 5 is 16 x 16 pixels from (144, 64)."""
    corner = scene(7).pixels[144:160, 64:80].astype(float)
    means = corner.reshape(8, 2, 8, 2, 3).mean(axis=(1, 3))
    assert np.abs(patches.patch_pixels(with_model) - means).max() <= 1  # Pillow rounds once per direction
    assert patches.mean_colours(with_model)[9 * 14 + 4] == pytest.approx(means.mean(axis=(0, 1)), abs=1)
    given = patches.input_numbers(with_model)[9 * 14 + 4].reshape(3, 8, 8)
    assert given == pytest.approx((patches.patch_pixels(with_model).transpose(2, 0, 1) / 255 - 0.5) / 0.25, abs=1e-5)
