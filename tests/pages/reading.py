"""What tests of lesson pages do again and again."""

from __future__ import annotations

import base64
import json
import re
from html import unescape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from streamlit.testing.v1 import AppTest

from tutorials.lessons import lessons


def figures(page: AppTest) -> dict[str, dict[str, Any]]:
    """Every Plotly figure of the page by the key it was drawn with."""
    return {chart.proto.id.rsplit("-", 1)[-1]: json.loads(chart.proto.spec) for chart in page.get("plotly_chart")}


def array(given: Any) -> NDArray[Any]:
    """A Plotly array from its JSON, where numpy arrays are written as base64."""
    if isinstance(given, dict):
        flat = np.frombuffer(base64.b64decode(given["bdata"]), given["dtype"])
        return flat.reshape([int(n) for n in str(given.get("shape", flat.size)).split(",")]).astype(np.float64)
    return np.array([[np.nan if v is None else v for v in row] for row in given], np.float64)


def heats(figure: dict[str, Any]) -> list[dict[str, Any]]:
    """The heatmaps of a figure that carry a map; those that veil what is not defined carry one colour."""
    return [t for t in figure["data"] if t["type"] == "heatmap" and "zmax" in t]


def titles(page: AppTest) -> list[str]:
    """Titles of all figures, in order."""
    return [figure["layout"].get("title", {}).get("text", "") for figure in figures(page).values()]


def fine(page: AppTest) -> AppTest:
    """The page, which must not have failed."""
    assert not page.exception, [one.value for one in page.exception]
    return page


def table(page: AppTest, heading: str) -> dict[str, list[str]]:
    """The Markdown table one of whose columns is headed `heading`: column to cells."""
    for element in page.markdown:
        lines = [line for line in element.value.splitlines() if line.startswith("|")]
        header = [cell.strip() for cell in lines[0].strip("|").split("|")] if lines else []
        if heading in header:
            rows = [[cell.strip().replace("\\", "") for cell in line.strip("|").split("|")] for line in lines[2:]]
            return {name: [row[at] for row in rows] for at, name in enumerate(header)}
    raise AssertionError(f"no table has a column {heading!r}")


def cards(page: AppTest, label: str) -> dict[str, list[str]]:
    """The table of texts of that label, which a phone shows as cards: column to cells."""
    for element in page.get("html"):
        if f'<table role="table" aria-label="{label}">' in element.proto.body:
            cells = re.findall(r'<td role="cell" data-label="([^"]*)">([^<]*)</td>', element.proto.body)
            return {unescape(name): [unescape(text) for one, text in cells if one == name] for name, _ in cells}
    raise AssertionError(f"no table is labelled {label!r}")


def guess(page: AppTest, name: str, answer: str) -> AppTest:
    """The page after the guess."""
    return fine(page.radio(key=f"{name}_guess").set_value(answer).run())


def said(page: AppTest) -> str:
    """Everything the page says in green, yellow or blue boxes."""
    return "\n".join(box.value for boxes in (page.success, page.warning, page.info) for box in boxes)


def try_claim(page: AppTest, name: str, number: int) -> str:
    """Press the button of a claim; returns what the boxes say."""
    return said(fine(page.button(key=f"{name}_claim_{number}").click().run()))


def opens_everywhere(app: Any, name: str) -> None:
    """A lesson opened cold at each of its steps, and to read as a whole: it must not fail, and each step has a figure."""
    for step in range(1, len(lessons()[name].steps) + 1):
        page = fine(app(name, step=str(step)))
        assert page.get("plotly_chart"), f"step {step} has no figure"
        assert not page.warning, [box.value for box in page.warning]
    fine(app(name, all="true"))
    assert "There is no step 99" in fine(app(name, step="99")).warning[0].value
