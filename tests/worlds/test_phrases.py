"""The names of objects: every pair of words once, and those of a scene are the ones it was painted with."""

from __future__ import annotations

import numpy as np

from worlds.phrases import phrase, phrases
from worlds.scenes import scenes
from worlds.shapes import COLOURS, NAMES


def test_every_pair_of_words_is_there_once() -> None:
    pairs = [one.split(" ") for one in phrases()]
    assert len(pairs) == 12 * 8
    for shape in NAMES:
        assert sorted(colour for colour, other in pairs if other == shape) == sorted(COLOURS)


def test_a_phrase_names_the_paint_and_the_outline_of_its_object() -> None:
    for made in scenes(12, seed=40, difficulty=0.0):
        for thing in made.things:
            colour, shape = phrase(thing).split(" ")
            assert made.thing(shape) is thing
            paint = np.median(made.pixels[thing.mask], axis=0)
            distance = {name: np.abs(paint - rgb).sum() for name, rgb in COLOURS.items()}
            assert min(distance, key=lambda name: distance[name]) == colour
            assert phrase(thing) in phrases()
