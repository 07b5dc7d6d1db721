"""The playground as it is painted: own pictures, patches, layers, opacity, the film, labels, sentences, files."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import spearmanr

import vit_attention as va
from worlds.scenes import coverage, scene

pytestmark = pytest.mark.browser

COLOURS = {"red": (220, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 220), "yellow": (230, 230, 20)}
"""Top left, top right, bottom left, bottom right of the upright test picture."""
HOSTILE = "<img src=x onerror=alert(1)>"
LIGHT = (0.2126, 0.7152, 0.0722)


def sideways() -> bytes:
    """A JPEG of 240 x 240 whose corners are COLOURS once it is turned 90 degrees clockwise, as its EXIF tag 6 says."""
    upright = np.full((240, 240, 3), 128, np.uint8)
    for number, colour in enumerate(COLOURS.values()):
        down, right = divmod(number, 2)
        upright[down * 160 : down * 160 + 80, right * 160 : right * 160 + 80] = colour
    tags = Image.Exif()
    tags[0x0112] = 6
    out = io.BytesIO()
    Image.fromarray(np.rot90(upright)).save(out, "JPEG", quality=95, exif=tags)  # stored counter-clockwise
    return out.getvalue()


def give(seen: Any, key: str, name: str, data: bytes) -> None:
    seen.page.locator(f".st-key-{key} input[type=file]").set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    )


def shows_colours(seen: Any) -> bool:
    cells = seen.cells("playground_map")
    corners = [cells[1, 1], cells[1, -2], cells[-2, 1], cells[-2, -2]]
    return all(np.abs(got - want).max() < 25 for got, want in zip(corners, COLOURS.values(), strict=True))


def is_scene(seen: Any, seed: int) -> bool:
    """Whether the bare picture painted is the scene of that seed, but for JPEG and scaling: middles of its patches."""
    truth = scene(seed).pixels.reshape(14, 16, 14, 16, 3)[:, 5:11, :, 5:11].mean(axis=(1, 3))
    return bool(np.abs(seen.cells("playground_map") - truth).mean() < 4)


def is_map_of(seen: Any, weights: NDArray[np.floating]) -> bool:
    """Whether the 30 largest of `weights` are the lightest patches, in the same order but for equal colours."""
    light, best = (seen.cells("playground_map") @ LIGHT).ravel(), np.argsort(-weights)[:30]
    same = np.intersect1d(np.argsort(-light)[:30], best)
    return len(same) >= 28 and bool(spearmanr(light[best], weights[best]).statistic > 0.97)


def test_own_pictures_are_drawn_and_what_is_refused_loses_nothing(visit: Any) -> None:
    """A sideways photograph is painted upright, with its map in sight; broken files are refused with their name."""
    seen = visit("playground?opacity=0.0")
    give(seen, "playground_upload", "green ring.jpg", sideways())
    seen.until(lambda: shows_colours(seen) or None, "the upload painted upright")
    seen.page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop = 0")
    box = seen.figure("playground_map").bounding_box()
    assert 0 <= box["y"] <= 220, "the map is not on the first screen"
    assert box["y"] + box["height"] <= 768
    broken = {"notes.png": b"shopping list: bread, milk\n" * 20, "half.jpg": sideways()[:1500], "empty.png": b""}
    for name, data in broken.items():
        give(seen, "playground_upload", name, data)
        said = seen.until(lambda name=name: next((a for a in seen.alerts() if name in a), None), f"a message on {name}")
        assert len(said) > len(name) + 15
        seen.settle()
        assert shows_colours(seen), f"the earlier picture is gone after {name}"
    thumbnails = seen.page.locator(".st-key-thumbnails_look")
    thumbnails.get_by_role("button", name="Scene 7", exact=True).click()
    seen.until(lambda: is_scene(seen, 7) or None, "scene 7 painted")
    thumbnails.get_by_role("button", name="green ring", exact=True).click()
    seen.until(lambda: shows_colours(seen) or None, "the upload painted again")


def test_layer_by_key_opacity_and_a_clicked_patch(visit: Any) -> None:
    """What is painted is, patch for patch, what the library gives; without opacity it is the bare picture."""
    maps = va.load("scene-vit").attend(scene(7).picture).maps
    asked = {"picture": "scene-7", "model": "scene-vit", "opacity": "1.0", "scale": "log", "layer": "2", "head": "10"}
    seen = visit(
        f"playground?{urlencode({**asked, 'fade': 'false'})}"
    )  # early heads read widely: many values to compare
    assert is_map_of(seen, maps[1].weights[9, 0, 1:])
    assert not is_map_of(seen, maps[1].weights[9, 0, 1:].reshape(14, 14).T.ravel())
    seen.page.locator(".st-key-layer input").press("ArrowLeft")
    seen.until_address(layer="1", head="10")
    seen.until(lambda: is_map_of(seen, maps[0].weights[9, 0, 1:]) or None, "the map of layer 1, head 10")
    _, box = seen.screen("playground_map")
    seen.page.mouse.click(box["x"] + 10.5 / 14 * box["width"], box["y"] + 3.5 / 14 * box["height"])
    seen.until_address(ask="patch", row="4", column="11")
    seen.page.mouse.move(1, 1)
    row = maps[0].weights[9, 1 + 3 * 14 + 10, 1:]
    seen.until(lambda: np.corrcoef((seen.cells("playground_map") @ LIGHT).ravel(), row)[0, 1] > 0.5 or None, "its map")
    seen.page.get_by_role("button", name="How it is drawn").click()
    seen.page.get_by_role("slider", name="Opacity of the map").press("Home")
    seen.until_address(opacity="0")
    seen.page.keyboard.press("Escape")
    seen.until(lambda: is_scene(seen, 7) or None, "the bare scene painted")


@pytest.mark.parametrize("number", [0, 1])
def test_the_brightest_patch_lies_on_the_true_object(visit: Any, number: int) -> None:
    """The relevance map, asked for one object, is painted brightest on that object and nowhere else."""
    truth = scene(7, 0.5, 2)
    asked, other = truth.things[number], truth.things[1 - number]
    seen = visit(f"playground?picture=scene-7-2-50&method=relevance&opacity=1.0&target={asked.shape}")
    assert seen.address()["method"] == "relevance"
    row, column = seen.strongest("playground_map")
    assert coverage(asked.mask)[row, column] > 0, f"row {row}, column {column} is off the {asked.colour} {asked.shape}"
    assert coverage(other.mask)[row, column] == 0


def test_a_film_plays_in_the_browser_alone(visit: Any) -> None:
    seen = visit("playground?film=true&film_time=300")
    film = seen.figure("playground_film")
    before, named = seen.cells("playground_film"), film.locator(".slider-group > .slider-label").first
    sent, asked = seen.quiet(), len(seen.requests)
    play, pause = (film.locator(".updatemenu-button", has_text=text) for text in ("Play", "Pause"))
    play.click()
    seen.until(lambda: named.text_content() == "layer 11" or None, "the film to reach layer 11")
    pause.click()
    seen.until_repainted("playground_film", before)
    play.click()
    seen.until(lambda: named.text_content() == "layer 12" or None, "the film to reach its end")
    assert (seen.sent, len(seen.requests)) == (sent, asked), "the film asked the server"


def test_labels_stand_in_the_address_and_are_never_markup(visit: Any) -> None:
    labels = [f"{thing.colour} {thing.shape}" for thing in scene(24).things]
    asked = {"model": "scene-clip", "picture": "scene-24", "method": "label similarity, naive", "opacity": 1.0}
    seen = visit(f"playground?{urlencode({**asked, 'labels': chr(10).join([*labels, HOSTILE]), 'label': labels[1]})}")
    first = seen.cells("playground_map")
    seen.page.locator(".st-key-label input").click()
    seen.page.get_by_role("option", name=labels[0]).click()
    seen.until_repainted("playground_map", first)
    field = seen.page.locator(".st-key-labels textarea")
    field.fill("red ring\nblue square")
    field.press("Control+Enter")
    seen.until_address(labels="red ring\nblue square")
    assert seen.page.locator("img[src=x]").count() == 0


def test_a_sentence_is_shaded_and_its_tokens_ask(visit: Any) -> None:
    text = f"The soup was not good, {HOSTILE}."
    seen = visit(f"playground?{urlencode({'model': 'review-encoder', 'text': text, 'token': '5 not'})}")
    point = seen.figure("text_arcs").locator(".points path").nth(1)
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    seen.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    seen.until_address(token="2 the")
    assert seen.page.locator("img[src=x]").count() == 0


def test_files_are_what_is_painted_and_a_saved_record_draws(visit: Any, tmp_path: Path) -> None:
    seen = visit("playground?picture=scene-11&layer=8&opacity=1.0")
    painted = seen.cells("playground_map")
    rows = list(csv.DictReader(seen.save("Table (CSV)", tmp_path).open()))
    best = max(rows, key=lambda one: float(list(one.values())[-1]))
    assert (int(best["row"]) - 1, int(best["column"]) - 1) == seen.strongest("playground_map")
    bundle = seen.save("Record (NPZ)", tmp_path)
    other = visit("playground?layer=8&opacity=1.0")
    other.page.get_by_text("Fresh scene, saved record, another model").click()
    other.page.get_by_role("tab", name="Saved record").click()
    give(other, "playground_npz", bundle.name, bundle.read_bytes())
    other.page.get_by_text("From the file record.npz").wait_for()
    other.until(lambda: np.abs(other.cells("playground_map") - painted).max() < 6 or None, "the saved map painted")
