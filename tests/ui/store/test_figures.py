"""Figures that are kept: what is sent is what Plotly would send, their bytes are bounded, and no record stays for a map."""

from __future__ import annotations

import gc
import json
import weakref

import numpy as np
import plotly.graph_objects as go
import plotly.io

import vit_attention as va
from tutorials.findings.context import Context, Picture, Selection
from ui.store import figures, resources
from ui.store.figures import Ready
from ui.store.kept import Kept


def heat(side: int) -> go.Figure:
    return go.Figure(
        go.Heatmap(z=np.arange(side * side, dtype=np.float32).reshape(side, side)), {"title": {"text": "A"}}
    )


def test_what_is_sent_is_what_plotly_sends() -> None:
    assert json.loads(plotly.io.to_json(Ready(heat(4)), validate=False)) == json.loads(heat(4).to_json())


def test_a_figure_is_made_once_and_what_stands_beside_it_stays() -> None:
    made = []

    def make() -> tuple[go.Figure, str]:
        made.append(1)
        return heat(3), "said"

    first, said = figures.kept("once", make)
    assert figures.kept("once", make) == (first, said) == (first, "said")
    assert made == [1]


def test_the_oldest_go_as_soon_as_there_are_too_many_bytes() -> None:
    sizes = {side: len(heat(side).to_json()) for side in (20, 21, 22)}
    kept = Kept(sizes[21] + sizes[22], lambda one: one._size)
    for side in sizes:
        kept(side, lambda side=side: Ready(heat(side)))
    assert kept.get(20) is None
    assert kept.total == sizes[21] + sizes[22]


def test_a_map_that_is_kept_lets_its_record_go() -> None:
    record = va.load("scene-vit").attend("scene-7")
    weights = weakref.ref(record.maps[3].weights)
    picture = Picture.drawn("scene-7")
    now = Context("scene-vit", picture, record, Selection(3, 2, 0, 0, 0, ()))
    expected = record.maps[3].weights[2, 0]
    found = resources.answer(now, "raw")
    np.testing.assert_array_equal(found.row, expected)
    del record, now, expected
    gc.collect()
    assert weights() is None
