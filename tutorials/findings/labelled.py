"""What a label names in a picture, how a map lies on it, and labels of a scene that are wrong."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import Context, Picture
from visualizer.measures.masks import covered
from visualizer.measures.score import mass_in_mask, pointing_hit
from visualizer.method.labels import COLOURS
from worlds.photographs import photographs
from worlds.phrases import phrase, phrases
from worlds.scenes import Scene, Thing, coverage

Array = NDArray[np.float64]
MOST = len(COLOURS)
"""Labels that a picture is compared with, as many as a map of winners tells apart."""
PLAIN = ("a cat", "a dog", "a person")
FULL = 0.5
"""An object's patches are those of which it covers more than this share."""


class Named(NamedTuple):
    """Something in a picture that a label names, and where it is.

    Attributes:
        label: what it is called.
        cover: (rows, columns) share of every patch that it covers.
        free: (rows, columns) patches that nothing with a known outline touches.
    """

    label: str
    cover: Array
    free: NDArray[np.bool_]


class Scores(NamedTuple):
    """How a map of similarities lies on what its label names.

    Attributes:
        hit: whether the strongest patch is one of which it covers more than 10 % (the pointing game, Zhang et al. 2016).
        share: share of the sum of all positive similarities that lies on it; NaN if none is positive.
        chance: the share of the picture that it covers.
        gap: mean similarity of its patches minus that of patches that are free; below 0 the map is inverted, NaN if unknown.
    """

    hit: bool
    share: float
    chance: float
    gap: float


def scored(values: Array, named: Named) -> Scores:
    """`Scores` of a (rows, columns) map."""
    inside = named.cover > min(FULL, float(named.cover.max()) / 2)
    known = inside.any() and named.free.any()
    return Scores(
        bool(pointing_hit(values, named.cover)),
        float(mass_in_mask(np.clip(values, 0, None), named.cover)),
        float(named.cover.mean()),
        float(values[inside].mean() - values[named.free].mean()) if known else float("nan"),
    )


def named(now: Context) -> Named | None:
    """What the label asked about names, or else the first thing of the picture; None where no outline is known."""
    scene, truth = now.picture.scene, now.truth
    if truth is None:
        return None
    free = truth <= 0
    if scene is not None:
        thing = thing_of(scene, now.label) or scene.things[0]
        return Named(phrase(thing), np.asarray(coverage(thing.mask, now.grid), np.float64), free)
    known = photographs()[now.picture.id].outlines if now.picture.id in photographs() else {}
    if not known or now.record.geometry is None:
        return Named(now.label, np.asarray(truth, np.float64), free)
    outline = known.get(now.label) or next(iter(known.values()))
    cover = np.asarray(covered(outline.mask(), now.grid, now.record.geometry), np.float64)
    return Named(outline.name, cover, free & (cover <= 0))


def thing_of(scene: Scene, label: str) -> Thing | None:
    """The object of a scene whose colour and shape are both words of a label."""
    words = set(label.lower().split())
    return next((thing for thing in scene.things if {thing.colour, thing.shape} <= words), None)


def wrong_shape(scene: Scene, thing: Thing) -> str:
    """A phrase of a thing's colour and of a shape that is nowhere in the scene."""
    shapes = {one.shape for one in scene.things}
    found = [text for text in phrases() if text.split()[0] == thing.colour and text.split()[1] not in shapes]
    return found[scene.seed % len(found)]  # not the same shape in every scene


def absent(scene: Scene) -> str:
    """A phrase neither of whose words is true of anything in the scene."""
    true = {word for thing in scene.things for word in (thing.colour, thing.shape)}
    found = [text for text in phrases() if not true & set(text.split())]
    return found[scene.seed % len(found)]


def offers(picture: Picture) -> tuple[str, ...]:
    """Labels to begin with: what is in a scene and one wrong one, what is outlined in a photograph, or something common.

    >>> offers(Picture.drawn("scene-7-1-50"))
    ('orange star', 'orange arrow')
    """
    if picture.scene is None:
        known = photographs().get(picture.id)
        return (tuple(known.outlines)[:MOST] if known else ()) or PLAIN
    # Of the colour that is there and another shape: colour alone must not do.
    return (*map(phrase, picture.scene.things), wrong_shape(picture.scene, picture.scene.things[0]))
