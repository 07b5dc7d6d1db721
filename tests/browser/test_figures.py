"""Figures alone, as a real browser draws them, at the width of a phone and beside a text: nothing cut, nothing overlapping."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import plotly
import plotly.graph_objects as go
import pytest
from PIL import Image

import visualizer as vz
from visualizer.figures.captions import film_strip
from visualizer.figures.charts import focus_against_hits

LONG = "A title that is long enough to need two lines on any phone"
PICTURE, MAPS = Image.new("RGB", (224, 224), (9, 120, 200)), np.random.default_rng(0).random((144, 14, 14)) ** 4
NAMES = ["a", "green", "ring", "is", "on", "the", "left", "of", "something"]
BITS = [f"{n / 3:.2f} bits" for n in range(16)]
FIGURES: dict[str, Callable[[], go.Figure]] = {
    "overlay": lambda: vz.overlay(PICTURE, MAPS[0], fade=True, query=[3], title=LONG),
    "signed": lambda: vz.overlay(PICTURE, MAPS[0] - 0.03, title=LONG),
    "twelve heads": lambda: vz.head_grid(MAPS[:12], captions=BITS[:12], title=LONG),
    "sixteen heads": lambda: vz.head_grid(MAPS[:16], captions=BITS, title=LONG),
    "atlas": lambda: vz.atlas(MAPS.reshape(12, 12, 14, 14), title=LONG),
    "summary": lambda: vz.head_summary(MAPS.mean((1, 2)).reshape(12, 12), "entropy", "bits", title=LONG),
    "curves": lambda: vz.curves({f"name of line {n}": MAPS[n, 0] for n in range(5)}, "bits", title=LONG),
    "bars": lambda: vz.bars([f"class {n}" for n in range(30)], MAPS[0, 0].repeat(3)[:30], "share", title=LONG),
    "bars with long names": lambda: vz.bars(
        [f"number {n}, with a long name" for n in range(6)],
        [0.1234, 1.94e-5, 0.9, 0.555, 0.3, 0.1],
        LONG[:50],
        title=LONG,
    ),
    "film": lambda: vz.layer_animation(PICTURE, MAPS[:12], title=LONG),
    "two maps": lambda: vz.before_after(PICTURE, MAPS[0], MAPS[1], narrow=True, title=LONG),
    "words": lambda: film_strip(PICTURE, MAPS[:9], NAMES, title=LONG),
    "points": lambda: focus_against_hits(MAPS[0, :6, :4], MAPS[1, :6, :4], chance=0.1, title=LONG),
}
# What is written, and where: [text, left, top, right, bottom] from the figure's own corner.
WRITTEN = """() => { const at = document.querySelector('#figure').getBoundingClientRect();
  return [...document.querySelectorAll('#figure svg text')].filter(t => t.textContent.trim())
    .map(t => [t.textContent, t.getBoundingClientRect(), getComputedStyle(t)])
    .filter(([, box, look]) => box.width && look.visibility !== 'hidden')
    .map(([text, box]) => [text, box.left - at.left, box.top - at.top, box.right - at.left, box.bottom - at.top]); }"""
PANELS = """() => { const full = document.querySelector('#figure')._fullLayout;
  return Object.keys(full).filter(key => /^xaxis/.test(key)).map(key => full[key]._length); }"""
DRAW = """spec => Plotly.newPlot('figure', spec.data, spec.layout, {displayModeBar: false}).then(() => null)"""


@pytest.fixture(scope="module")
def drawn(browser: Any) -> Iterator[Callable[[go.Figure, int], Any]]:
    """``drawn(figure, 342)``: a page with nothing but the figure on it, so many pixels across."""
    page = browser.new_page(viewport={"width": 800, "height": 800})
    script = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"

    def draw(figure: go.Figure, width: int) -> Any:
        page.set_content("<body style='margin: 0; font-family: sans-serif'><div id='figure'></div></body>")
        page.add_script_tag(path=script)
        spec = json.loads(figure.to_json())
        page.evaluate(DRAW, {**spec, "layout": {**spec["layout"], "width": width}})
        return page

    yield draw
    page.close()


@pytest.mark.parametrize("width", [334, 560])
@pytest.mark.parametrize("name", FIGURES)
def test_all_that_is_written_stands_whole_and_apart(drawn: Callable[..., Any], name: str, width: int) -> None:
    figure = FIGURES[name]()
    written = drawn(figure, width).evaluate(WRITTEN)
    assert len(written) > 3
    for text, left, top, right, bottom in written:
        assert -1 <= left <= right <= width + 1, f"{text!r} is cut: {left:.0f} to {right:.0f}"
        assert -1 <= top <= bottom <= figure.layout.height + 1, f"{text!r} is cut: {top:.0f} to {bottom:.0f}"
    for n, (one, *a) in enumerate(written):
        for other, *b in written[:n]:
            across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
            assert across <= 1.5 or down <= 3, f"{one!r} on {other!r}"


def test_panels_of_a_comparison_are_wide_enough_on_a_phone(drawn: Callable[..., Any]) -> None:
    widths = drawn(FIGURES["two maps"](), 342).evaluate(PANELS)
    assert len(widths) == 3
    assert min(widths) >= 150
