"""The playground with files: good, broken and disguised pictures, exports that open, and the truth under the map."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import vit_attention as va
from worlds.scenes import coverage, scene

pytestmark = pytest.mark.browser

COLOURS = {"red": (220, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 220), "yellow": (230, 230, 20)}
"""Top left, top right, bottom left, bottom right of the upright test picture."""


def sideways() -> bytes:
    """A JPEG of 240 x 240 whose corners are COLOURS once it is turned 90 degrees clockwise, as its EXIF tag 6 says."""
    upright = np.full((240, 240, 3), 128, np.uint8)
    for number, colour in enumerate(COLOURS.values()):
        down, right = divmod(number, 2)
        upright[down * 160 : down * 160 + 80, right * 160 : right * 160 + 80] = colour
    stored = Image.fromarray(np.rot90(upright))  # counter-clockwise
    tags = Image.Exif()
    tags[0x0112] = 6
    out = io.BytesIO()
    stored.save(out, "JPEG", quality=95, exif=tags)
    return out.getvalue()


def open_ways(seen: Any, tab: str) -> None:
    """Unfold the ways to get a picture, and show one of them."""
    place = seen.page.get_by_role("tab", name=tab)
    if not place.is_visible():
        seen.page.get_by_text("Fresh scene, saved record, another model").click()
    place.click()


def give(seen: Any, key: str, name: str, data: bytes) -> None:
    seen.page.locator(f".st-key-{key} input[type=file]").set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    )


def slowly(route: Any) -> None:
    time.sleep(0.7)
    route.continue_()


def corners(seen: Any) -> list[NDArray[np.float64]]:
    cells = seen.cells("playground_map")
    return [cells[1, 1], cells[1, -2], cells[-2, 1], cells[-2, -2]]


def shows_colours(seen: Any) -> bool:
    return all(np.abs(got - want).max() < 25 for got, want in zip(corners(seen), COLOURS.values(), strict=True))


def test_uploads_good_and_broken(visit: Any) -> None:
    """A sideways photograph is painted upright; broken files are refused with their name and it stays.

    The line is slow: a page drawn anew between choosing a file and its arrival must not lose it.
    """
    seen = visit("playground?opacity=0.0")
    seen.page.route("**/_stcore/upload_file/**", slowly)
    give(seen, "playground_upload", "holiday.jpg", sideways())
    seen.until(lambda: shows_colours(seen), "the upload painted upright")
    assert seen.until(lambda: seen.address().get("picture", ""), "the picture in the address").startswith("own-")
    broken = {"notes.png": b"shopping list: bread, milk\n" * 20, "half.jpg": sideways()[:1500], "empty.png": b""}
    for name, data in broken.items():
        give(seen, "playground_upload", name, data)
        said = seen.until(lambda name=name: next((a for a in seen.alerts() if name in a), None), f"a message on {name}")
        assert len(said) > len(name) + 15
        seen.settle()
        assert shows_colours(seen), f"the earlier picture is gone after {name}"
        seen.check()


def test_fresh_scene(visit: Any) -> None:
    seen = visit("playground?opacity=0.0")
    open_ways(seen, "Fresh scene")
    seen.page.get_by_role("button", name="Draw a fresh scene").click()
    picture = seen.until(lambda: seen.address().get("picture"), "a new scene in the address")
    word, seed, objects, difficulty = picture.split("-")
    assert (word, objects, difficulty) == ("scene", "2", "50")
    truth = scene(int(seed), 0.5, 2).pixels.reshape(14, 16, 14, 16, 3)[:, 5:11, :, 5:11].mean(axis=(1, 3))
    seen.until(lambda: np.abs(seen.cells("playground_map") - truth).mean() < 4, f"{picture} painted")


def test_exports_open_and_a_saved_record_draws(visit: Any, tmp_path: Path) -> None:
    seen = visit("playground?picture=scene-11&layer=8&opacity=1.0")
    painted = seen.cells("playground_map")
    with Image.open(seen.save("Picture (PNG)", tmp_path)) as image:
        image.load()
        assert image.format == "PNG"
        assert min(image.size) > 200
    assert ElementTree.parse(seen.save("Drawing (SVG)", tmp_path)).getroot().tag.endswith("}svg")
    rows = list(csv.DictReader(seen.save("Table (CSV)", tmp_path).open()))
    best = max(rows, key=lambda one: float(list(one.values())[-1]))
    assert len(rows) == 196
    assert (int(best["row"]) - 1, int(best["column"]) - 1) == seen.strongest("playground_map")
    bundle = seen.save("Record (NPZ)", tmp_path)
    record = va.AttentionRecord.load(bundle)
    assert len(record.maps) == 12
    np.testing.assert_allclose(record.maps[7].weights.sum(axis=-1, dtype=np.float64), 1, atol=5e-3)

    other = visit("playground?picture=scene-7&layer=8&opacity=1.0")
    assert np.abs(other.cells("playground_map") - painted).max() > 12  # scene 7 until the record is opened
    open_ways(other, "Saved record")
    give(other, "playground_npz", bundle.name, bundle.read_bytes())
    other.page.get_by_text("From the file record.npz").wait_for()
    other.until(lambda: np.abs(other.cells("playground_map") - painted).max() < 6, "the saved map painted")


@pytest.mark.parametrize(("seed", "number"), [(7, 0), (7, 1), (2, 1)])
def test_the_brightest_patch_lies_on_the_true_object(visit: Any, seed: int, number: int) -> None:
    """The relevance map, asked for one object, is painted brightest on that object and nowhere else."""
    truth = scene(seed, 0.5, 2)
    asked = truth.things[number]
    seen = visit(f"playground?picture=scene-{seed}-2-50&method=relevance&opacity=1.0&target={asked.shape}")
    assert seen.address()["method"] == "relevance"
    row, column = seen.strongest("playground_map")
    assert coverage(asked.mask)[row, column] > 0, f"row {row}, column {column} is off the {asked.colour} {asked.shape}"
    other = truth.things[1 - number]
    assert coverage(other.mask)[row, column] == 0


def test_a_patch_of_37_asks_on_a_photograph(visit: Any) -> None:
    """photo-dino on 37 x 37 patches: a click makes one the query, here, in words and after a reload."""
    seen = visit("playground?model=photo-dino&picture=astronaut&grid=37&opacity=1.0&layer=12")
    seen.page.get_by_text("37 x 37 = 1,369 patches").wait_for()
    box = seen.screen("playground_map")[1]
    seen.page.mouse.click(box["x"] + 16.5 / 37 * box["width"], box["y"] + 8.5 / 37 * box["height"])
    seen.until_address(grid="37", ask="patch", row="9", column="17")
    seen.page.get_by_text("asked by the patch in row 9, column 17").first.wait_for()
    assert tuple(seen.page.locator(f".st-key-{key} input").input_value() for key in ("row", "column")) == ("9", "17")
    seen.page.reload()
    seen.settle()
    assert tuple(seen.page.locator(f".st-key-{key} input").input_value() for key in ("row", "column")) == ("9", "17")
