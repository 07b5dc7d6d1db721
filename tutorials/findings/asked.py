"""Maps that are asked for one class: which classes, how a map lies on the objects of a scene, and maps that know nothing."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import Context, Finding, Picture
from tutorials.findings.controls import Control
from tutorials.findings.rollout import classes
from visualizer.measures.controls import colour_contrast
from visualizer.measures.score import mass_in_mask
from visualizer.method import Map, methods
from worlds.scenes import Scene, coverage

Array = NDArray[np.float64]
KNOBS: Mapping[str, Mapping[str, Any]] = {
    "integrated-gradients": {"steps": 16},
    "smoothgrad": {"samples": 10},
    "occlusion": {"window": 2, "stride": 2},
}
"""What the page gives methods whose defaults take longer than a step may."""
NO_CLASSES = Finding(None, "This model names no classes that could be asked about; scene-vit names twelve shapes.")
TWO_OBJECTS = Finding(
    None,
    "This needs a scene of 2 objects of different shapes, and a model that knows both as classes; scene 24 under scene-vit is one.",
)


def still(now: Context) -> Context:
    """The context asked by the class token, in the last layer and the mean of its heads, whatever was chosen elsewhere."""
    chosen = replace(now.chosen, layer=len(now.record.maps) - 1, head=None, query=0, row=0, column=0, patches=())
    return replace(now, chosen=chosen)


def map_of(now: Context, name: str, target: str = "") -> Map:
    """The map of a method for a class, with the page's parameters."""
    return still(now).answer(name, target, KNOBS.get(name))


def values(found: Map) -> Array:
    """(rows, columns) of a map; 0 where it has no number."""
    return np.nan_to_num(np.asarray(found.values, np.float64))


def covers(now: Context) -> dict[str, Array]:
    """(rows, columns) share of every patch that each object of the scene covers, by shape; {} where that is not known."""
    scene = now.picture.scene
    if scene is None or now.truth is None:
        return {}
    return {thing.shape: np.asarray(coverage(thing.mask, now.grid), np.float64) for thing in scene.things}


def shares(now: Context, one: Array) -> dict[str, float]:
    """Share of the positive part of a map on every object, by shape; {} where objects are not known, NaN if nothing is positive."""
    return {shape: float(mass_in_mask(np.clip(one, 0, None), cover)) for shape, cover in covers(now).items()}


def two(now: Context) -> tuple[str, str] | None:
    """The classes of the scene's two objects; None for other pictures, and for models that do not know both."""
    scene = now.picture.scene
    shapes = {thing.shape for thing in scene.things} if scene else set()
    found = classes(now)
    return found if found is not None and len(shapes) == 2 and shapes == set(found) else None


def staged(model: Any, picture: Picture, name: str, target: str) -> tuple[Array, float]:
    """(layers + 1,) sums of a method's relevance, tokens that enter the first layer first, and the score of the class."""
    record = model.attend(picture.given, target=target, keep=methods()[name].needs)
    said = record.prediction
    return np.asarray(record.signals[name], np.float64).sum(axis=1), float(said.scores[said.target])


def sums(now: Context, name: str, target: str) -> tuple[Array, float]:
    """`staged` of the page's picture."""
    return now.run(staged, now.model, now.picture, name, target)


def absent(now: Context) -> str | None:
    """The class of the lowest score, which is nowhere in the scene; None for models without classes and for other pictures."""
    scene, said = now.picture.scene, now.record.prediction
    there = _shapes(scene)
    names = [name for name in said.labels if name not in there]
    return min(names, key=lambda name: said.scores[said.labels.index(name)]) if scene and names else None


def _shapes(scene: Scene | None) -> set[str]:
    return {thing.shape for thing in scene.things} if scene else set()


def _saying(name: str, change: Callable[[Context, Array, np.random.Generator], Array]) -> Control:
    """The control in which the patches of every map that the model is asked for are replaced."""

    def changed(now: Context, rng: np.random.Generator) -> Context:
        def run(work: Any, *args: Any, **given: Any) -> Any:
            found = now.run(work, *args, **given)
            return _with(found, change(now, values(found), rng)) if isinstance(found, Map) else found

        return replace(now, run=run)

    return Control(name, changed)


def _with(found: Map, patches: Array) -> Map:
    return replace(found, row=np.concatenate([np.asarray(found.row[: found.axis.prefix]), patches.ravel()]))


SHUFFLED = _saying("map shuffled", lambda now, one, rng: rng.permutation(one.ravel()).reshape(one.shape))
CONTRAST = _saying(
    "colour contrast",
    lambda now, one, rng: np.nan_to_num(colour_contrast(now.picture.image, now.grid, now.record.geometry)),
)
