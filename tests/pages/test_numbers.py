"""Pages draw the same numbers as before: `numbers.json` holds what they drew before their code was merged.

Written anew, where numbers are meant to change, by ``SIGHTLINES_WRITE=1 pytest tests/pages/test_numbers.py``.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from streamlit.testing.v1 import AppTest

from tests.pages.reading import figures, fine

TABLE = Path(__file__).with_name("numbers.json")
SCENE = {"picture": "scene-24", "layer": "6", "head": "3", "ask": "patch", "row": "5", "column": "9"}
VIEWS: dict[str, tuple[str, dict[str, str]]] = {
    "heads": ("heads", {}),
    "heads of a patch": ("heads", SCENE),
    "layers": ("layers", {}),
    "layers of a patch": ("layers", SCENE),
    "entropy": ("entropy", SCENE),
    "query": ("query", SCENE),
    "patches": ("patches", SCENE),
    "rollout": ("rollout", {"residual": "0.8", "discard": "0.5", "start": "2", "fusion": "max"}),
    "rollout of a patch": ("rollout", SCENE),
    "compare": ("compare", SCENE),
    "reading": ("reading", {"all": "true"}),
    "fields": ("fields", {"all": "true", "field": "1"}),
    "swin": ("swin", {}),
    "captions": ("captions", {}),
}
"""A name for the view, the page, and the parameters of its address."""


def _numbers(test: AppTest) -> Iterator[tuple[str, list[float]]]:
    """Every array of numbers that a page draws: figure, trace and field; count, smallest, largest and sum."""
    for key, figure in figures(test).items():
        for at, trace in enumerate(figure["data"]):
            for field in ("z", "x", "y", "customdata"):
                values = _array(trace.get(field, []))
                if values.dtype.kind in "fiu" and values.size and not np.isnan(values.astype(float)).all():
                    found = values.size, np.nanmin(values), np.nanmax(values), np.nansum(values.astype(np.float64))
                    yield f"{key} {at} {field}", [float(f"{number:.7g}") for number in found]


def _array(given: Any) -> NDArray[Any]:
    """A field of a trace: a list, or what Plotly writes for arrays."""
    if not isinstance(given, dict):
        return np.asarray(given)
    shape = [int(side) for side in str(given.get("shape", "-1")).split(",")]
    return np.frombuffer(base64.b64decode(given["bdata"]), given["dtype"]).reshape(shape)


@pytest.fixture(scope="module")
def saved() -> dict[str, dict[str, list[float]]]:
    return dict(json.loads(TABLE.read_text())) if TABLE.exists() else {}


@pytest.mark.parametrize("view", VIEWS)
def test_a_page_draws_the_numbers_it_drew(view: str, app: Callable[..., AppTest], saved: dict[str, Any]) -> None:
    name, parameters = VIEWS[view]
    test = app(name, **parameters)
    for guess in test.radio:
        if str(guess.key).endswith("_guess"):
            test = fine(guess.set_value(guess.options[0]).run())
    found = dict(_numbers(test))
    if os.environ.get("SIGHTLINES_WRITE"):
        whole = {**(json.loads(TABLE.read_text()) if TABLE.exists() else {}), view: found}
        TABLE.write_text(json.dumps(whole, indent=0) + "\n")
        return
    assert set(saved[view]) <= set(found)
    for key, numbers in saved[view].items():
        # Whole numbers are places, or colours of a mosaic, of which rounding elsewhere may move one by one step.
        close = 1e-3 if all(number == round(number) for number in numbers) else 1e-5
        np.testing.assert_allclose(found[key], numbers, rtol=close, atol=close, err_msg=f"{view}: {key}")
