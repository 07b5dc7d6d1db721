"""The film of the playground: every layer that a method can stop at, and its GIF."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.ui.test_compare import context as bundle
from ui.playground import film_bytes, through
from visualizer.method import methods
from visualizer.style.scale import Scale


@pytest.mark.parametrize("name", ["raw", "rollout", "relevance"])
def test_a_film_goes_through_the_layers(name: str) -> None:
    now = bundle()
    layers, found = through(now, methods()[name], "dog", {})
    assert layers == [0, 1, 2]
    for layer, one in zip(layers, found, strict=True):
        np.testing.assert_allclose(one.row, methods()[name](now.record, layer=layer).row)


def test_the_gif_has_a_frame_for_each_layer() -> None:
    now = bundle()
    object.__setattr__(now.picture, "image", Image.new("RGB", (60, 40)))
    look = {"colormap": "Cividis", "opacity": 0.6, "scale": Scale("raw"), "smooth": False, "truth": None}
    look |= {"query": [0], "unit": "relevance", "signed": False}
    made = film_bytes(now, methods()["relevance"], "dog", {"start_layer": 1}, look)()
    with Image.open(io.BytesIO(made)) as film:
        assert film.n_frames == 2  # type: ignore[attr-defined]
