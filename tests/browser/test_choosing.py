"""Choosing picture, patch, layer and head: what is painted follows, and so does the address."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

import vit_attention as va
from worlds.scenes import scene

pytestmark = pytest.mark.browser

ORANGE = np.array((0xD5, 0x5E, 0x00))


def middles(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(14, 14, 3) mean colour of the middle of each patch of a (224, 224, 3) scene: rows and columns 5 to 11 of 16."""
    return pixels.reshape(14, 16, 14, 16, 3)[:, 5:11, :, 5:11].mean(axis=(1, 3))


def like(painted: NDArray[np.float64], seed: int) -> bool:
    """Whether the painted picture is the scene of that seed, but for JPEG and scaling."""
    return bool(np.abs(painted - middles(scene(seed).pixels)).mean() < 4)


def painted_weights(seen: Any) -> NDArray[np.float64]:
    """Lightness of the patches of the playground's map; its colour map gets lighter with every step."""
    return np.asarray(seen.cells("playground_map") @ (0.2126, 0.7152, 0.0722)).ravel()


def is_map_of(seen: Any, weights: NDArray[np.floating]) -> bool:
    """Whether the 30 largest of `weights` are the lightest patches, in the same order but for equal colours."""
    light, best = painted_weights(seen), np.argsort(-weights)[:30]
    same = np.intersect1d(np.argsort(-light)[:30], best)
    return len(same) >= 28 and bool(spearmanr(light[best], weights[best]).statistic > 0.97)


def test_another_picture_is_painted_linked_and_restored(visit: Any) -> None:
    seen = visit("playground?picture=scene-7&opacity=0.0")
    assert like(seen.cells("playground_map"), 7)
    seen.sidebar("picture").click()
    seen.page.get_by_role("option", name="Scene 24", exact=True).click()
    seen.until(lambda: like(seen.cells("playground_map"), 24), "scene 24 painted")
    seen.until_address(picture="scene-24", opacity="0.0")
    seen.page.reload()
    seen.settle()
    seen.until(lambda: like(seen.cells("playground_map"), 24), "scene 24 painted after the reload")
    assert seen.sidebar("picture").input_value() == "Scene 24"


def changed(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.abs(before.astype(int) - after).max(axis=2) > 24


def rim(where: NDArray[np.bool_], size: tuple[float, float]) -> list[float]:
    """(top, bottom, left, right) of the marked pixels, in patches."""
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    return [rows[0] / size[0], (rows[-1] + 1) / size[0], columns[0] / size[1], (columns[-1] + 1) / size[1]]


def outlined(seen: Any, bare: NDArray[np.uint8], row: int, column: int) -> bool:
    """Whether all that changed since `bare` is a two-toned square round that patch (0 first), orange inside white."""
    now, box = seen.screen("query_picture")
    size = (box["height"] / 14, box["width"] / 14)
    new, orange = changed(bare, now), np.abs(now.astype(int) - ORANGE).max(axis=2) < 40
    orange &= new
    if not orange.any():
        return False
    square = [row, row + 1, column, column + 1]
    white = new & (now.min(axis=2) > 200)
    near = np.abs(np.array(rim(orange, size)) - square).max() < 2.5 / size[0]
    confined = np.abs(np.array(rim(new, size)) - square).max() < 5 / size[0]
    return bool(near and confined and white.sum() > 0.5 * orange.sum())


def test_clicked_patch_becomes_the_query(visit: Any) -> None:
    """Click row 4, column 11 (from 1) on the bare picture; then change the row by keyboard, then press an arrow."""
    seen = visit("query")
    bare, box = seen.screen("query_picture")
    seen.page.mouse.click(box["x"] + 10.5 / 14 * box["width"], box["y"] + 3.3 / 14 * box["height"])
    seen.until_address(row="4", column="11", ask="patch")
    assert (seen.sidebar("row").input_value(), seen.sidebar("column").input_value()) == ("4", "11")
    seen.page.mouse.move(1, 1)  # else a hover text is painted too
    seen.until(lambda: outlined(seen, bare, 3, 10), "an outline round row 4, column 11")

    seen.sidebar("row").fill("13")
    seen.sidebar("row").press("Enter")
    seen.until_address(row="13", column="11")
    seen.until(lambda: outlined(seen, bare, 12, 10), "an outline round row 13, column 11")

    seen.page.get_by_role("button", name="←", exact=True).click()
    seen.until_address(row="13", column="10")
    seen.page.mouse.move(1, 1)
    seen.until(lambda: outlined(seen, bare, 12, 9), "an outline round row 13, column 10")


def test_box_over_patches_asks_with_all_of_them(visit: Any) -> None:
    seen = visit("query")
    seen.page.get_by_text("Drag a box over several patches").click()
    seen.settle()
    bare, box = seen.screen("query_picture")
    high, wide = box["height"] / 14, box["width"] / 14
    seen.page.mouse.move(box["x"] + 2.2 * wide, box["y"] + 5.2 * high)
    seen.page.mouse.down()
    seen.page.mouse.move(box["x"] + 4.8 * wide, box["y"] + 6.8 * high, steps=8)
    seen.page.mouse.up()
    seen.until_address(row="6", column="3", ask="patch")
    seen.page.mouse.move(1, 1)

    def framed() -> bool:
        now, _ = seen.screen("query_picture")
        orange = changed(bare, now) & (np.abs(now.astype(int) - ORANGE).max(axis=2) < 40)
        return bool(orange.any()) and np.abs(np.array(rim(orange, (high, wide))) - [5, 7, 2, 5]).max() < 2.5 / high

    seen.until(framed, "outlines round rows 6 and 7, columns 3 to 5")


def test_layer_slider_and_head_menu_by_keyboard(visit: Any) -> None:
    """What is painted is, patch for patch, what the library gives for that layer and head."""
    maps = va.load("scene-vit").attend(scene(7).picture).maps
    seen = visit("playground?opacity=1.0&scale=log&layer=2&head=10")  # early heads read widely: many values to compare
    assert is_map_of(seen, maps[1].weights[9, 0, 1:])
    assert not is_map_of(seen, maps[1].weights[9, 0, 1:].reshape(14, 14).T.ravel())
    seen.sidebar("layer").press("ArrowLeft")
    seen.until_address(layer="1", head="10")
    seen.until(lambda: is_map_of(seen, maps[0].weights[9, 0, 1:]), "the map of layer 1, head 10")
    seen.sidebar("head").fill("11")
    seen.sidebar("head").press("Enter")
    seen.until_address(layer="1", head="11")
    seen.until(lambda: is_map_of(seen, maps[0].weights[10, 0, 1:]), "the map of layer 1, head 11")


def test_click_in_the_atlas_chooses_layer_and_head(visit: Any) -> None:
    seen = visit("heads")
    before = seen.cells("heads_chosen")
    sheet = seen.figure("heads_atlas").locator(".heatmaplayer image")
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    seen.page.mouse.click(box["x"] + 7.5 / 12 * box["width"], box["y"] + 2.5 / 12 * box["height"])
    seen.until_address(layer="3", head="8")
    assert (seen.sidebar("layer").input_value(), seen.sidebar("head").input_value()) == ("3", "8")
    seen.figure("heads_chosen").get_by_text("Layer 3, head 8", exact=True).wait_for()
    seen.until_repainted("heads_chosen", before)
