"""The playground with labels and with sentences: the address, a click on an arc's token, files, and nothing that runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest

import vit_attention as va
from worlds.scenes import scene

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=alert(1)>"


def test_labels_stand_in_the_address_and_are_never_markup(visit: Any) -> None:
    labels = [f"{thing.colour} {thing.shape}" for thing in scene(24).things]
    asked = {
        "model": "scene-clip",
        "picture": "scene-24",
        "method": "label similarity, naive",
        "layer": 12,
        "opacity": 1.0,
    }
    seen = visit(f"playground?{urlencode({**asked, 'labels': chr(10).join([*labels, HOSTILE]), 'label': labels[1]})}")
    first = seen.cells("playground_map")
    seen.page.locator(".st-key-label input").click()
    seen.page.get_by_role("option", name=labels[0]).click()
    seen.until_repainted("playground_map", first)
    seen.page.reload()
    seen.settle()
    assert np.abs(seen.cells("playground_map") - first).max() > 12, "the address forgot the label"
    field = seen.page.locator(".st-key-labels textarea")
    field.fill("red ring\nblue square")
    field.press("Control+Enter")
    seen.until_address(labels="red ring\nblue square")
    seen.check()


def test_a_sentence_is_read_its_tokens_ask_and_its_files_open(visit: Any, tmp_path: Path) -> None:
    text = f"The soup was not good, {HOSTILE}."
    seen = visit(f"playground?{urlencode({'model': 'review-encoder', 'text': text, 'token': '5 not'})}")
    seen.figure("text_arcs").locator("g.trace.scatter").last.wait_for(timeout=60_000)
    point = seen.figure("text_arcs").locator(".points path").nth(1)
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    seen.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    seen.until(lambda: seen.address().get("token") == "2 the", "the second token to ask", 20)
    seen.settle()
    path = seen.save("JSON by layer", tmp_path)
    assert json.loads(path.read_text())["text"] == text
    assert va.read_attention_json(path).maps[0].weights.shape[0] == 4
    assert len(va.AttentionRecord.load(seen.save("Record (NPZ)", tmp_path)).maps) == 4
    seen.check()
