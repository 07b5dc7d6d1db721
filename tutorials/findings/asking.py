"""Labels on patches: whether a map points at what its label names, is inverted, and what labels know beside other labels."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import NO_TRUTH, Context, Finding, Run
from tutorials.findings.controls import WHERE, Control, against
from tutorials.findings.labelled import FULL, Array, Named, absent, named, scored, thing_of, wrong_shape
from tutorials.findings.labels import LabelLayers, label_layers
from visualizer.measures.score import HIT_THRESHOLD
from worlds.phrases import phrase
from worlds.scenes import coverage

PATHS = ("naive", "value", "value-value")
"""The three ways to compare patches with a label, methods of the same names."""
MOST = 0.9
"""Labels divide the patches of objects if they win this share of them rightly."""
HIGHER, LOWER, SAME = "Higher than beside it", "Lower than beside it", "About the same (within 0.01)"
CLOSE = 0.01


def similar(now: Context, labels: tuple[str, ...], method: str = "naive") -> Array:
    """(labels, rows, columns) similarity of every patch to each label after the chosen layer."""
    found: LabelLayers = now.run(label_layers, now.model, now.picture, labels, method)
    return found.patches[now.chosen.layer]


# Controls: what the model says of labels is replaced, and nothing else.


def _saying(now: Context, change: Callable[[LabelLayers], LabelLayers]) -> Context:
    """The context in which every outcome of `label_layers` is changed."""
    run = now.run

    def again(work: Callable[..., Any], model: str, picture: Any, *args: Any, **given: Any) -> Any:
        found = run(work, model, picture, *args, **given)
        return change(found) if isinstance(found, LabelLayers) else found

    return replace(now, run=again)


def _of_every_label(one: Control) -> Control:
    """The control whose map is that of every label, of the size of what is named."""

    def change(now: Context, rng: np.random.Generator) -> Context:
        scene, about = now.picture.scene, named(now)
        thing = None if scene is None or about is None else thing_of(scene, about.label)
        alone = now
        if scene is not None and thing is not None:
            alone = replace(now, picture=replace(now.picture, scene=replace(scene, things=(thing,))))
        shown = one.change(alone, rng)
        values = shown.patch_map(shown.record.maps[0].single[0, 0])
        return replace(now, run=_drawn(now, values))

    return Control(one.name, change)


def _drawn(now: Context, values: NDArray[Any]) -> Run:
    """A run in which this (rows, columns) map is that of every label after every layer, without asking the model."""
    run, layers = now.run, len(now.record.maps)

    def again(work: Callable[..., Any], model: str, picture: Any, *args: Any, **given: Any) -> Any:
        if work is not label_layers:
            return run(work, model, picture, *args, **given)
        shape = (layers, len(args[0]))
        return LabelLayers(args[0], np.zeros(shape), np.broadcast_to(values, (*shape, *values.shape)))

    return again


def _in_place(which: int) -> Callable[[Context, np.random.Generator], Context]:
    """The map of another of the labels that were asked, in the place of the first one's."""

    def change(found: LabelLayers) -> LabelLayers:
        patches = found.patches.copy()
        patches[:, 0] = found.patches[:, which]
        return replace(found, patches=patches)

    return lambda now, rng: _saying(now, change)


def _exchanged(now: Context, rng: np.random.Generator) -> Context:
    def change(found: LabelLayers) -> LabelLayers:
        return replace(found, patches=found.patches[:, np.random.default_rng(seed).permutation(found.patches.shape[1])])

    seed = int(rng.integers(2**31))
    return _saying(now, change)


def _paths_exchanged(now: Context, rng: np.random.Generator) -> Context:
    run, swap = now.run, bool(rng.integers(2))
    other = {PATHS[0]: PATHS[2], PATHS[2]: PATHS[0]}

    def again(work: Callable[..., Any], model: str, picture: Any, *args: Any, **given: Any) -> Any:
        asked = (*args[:-1], other[args[-1]]) if swap and work is label_layers and args[-1] in other else args
        return run(work, model, picture, *asked, **given)

    return replace(now, run=again)


PLACES = tuple(map(_of_every_label, WHERE))
WRONG_SHAPE = Control("the right colour and a wrong shape", _in_place(1))
ABSENT = Control("a label that names nothing there", _in_place(2))
LABELS = Control("labels exchanged at random", _exchanged)
EITHER = Control("the two maps exchanged at random", _paths_exchanged)


def _asked(now: Context, about: Named) -> tuple[str, ...]:
    """The label, and of a scene one of the same colour and a wrong shape and one that names nothing there."""
    scene = now.picture.scene
    thing = None if scene is None else thing_of(scene, about.label)
    if scene is None or thing is None:
        return (about.label, "a photograph of something else", "nothing")
    return (about.label, wrong_shape(scene, thing), absent(scene))


@against(*PLACES, WRONG_SHAPE, ABSENT)
def points_at_what_it_names(now: Context) -> Finding:
    """Whether the strongest patch of a label's naive map lies on what the label names."""
    if (about := named(now)) is None:
        return NO_TRUTH
    maps, labels = similar(now, _asked(now, about)), _asked(now, about)
    hits = [scored(one, about).hit for one in maps]
    chance = float((about.cover > HIT_THRESHOLD).mean())
    others = "; ".join(f"“{label}”: {_yes(hit)}" for label, hit in zip(labels[1:], hits[1:], strict=True))
    return Finding(
        hits[0],
        f"After layer {now.chosen.layer + 1} the patch most similar to “{labels[0]}” lies on it: {_yes(hits[0])} (a patch picked "
        f"at random: {chance:.1%}). Do the maps of labels that are wrong here point at the same thing? {others}.",
    )


@against(ABSENT)
def naive_is_inverted(now: Context) -> Finding:
    """Whether patches beside the thing that a label names are more similar to it than the thing's own (CLIP Surgery, figure 1)."""
    gap, text = _gap(now)
    return Finding(None if np.isnan(gap) else bool(gap < 0), text)


def where_it_is_high(now: Context) -> Finding:
    """Where the naive map of a label is higher: on what the label names, or beside it."""
    gap, text = _gap(now)
    return Finding(None if np.isnan(gap) else SAME if abs(gap) <= CLOSE else HIGHER if gap > 0 else LOWER, text)


def _gap(now: Context) -> tuple[float, str]:
    """How much higher the naive map is on what the label names than on free patches, and that in words."""
    if (about := named(now)) is None:
        return float("nan"), NO_TRUTH.text
    gap = scored(similar(now, _asked(now, about))[0], about).gap
    if np.isnan(gap):
        return gap, "The outlines leave 0 patches free of every object, so that there is nothing to compare with."
    return gap, _gap_words(now, about, gap)


def _gap_words(now: Context, about: Named, gap: float) -> str:
    more = "more" if gap > 0 else "less"
    return (
        f"After layer {now.chosen.layer + 1} the patches of what “{about.label}” names are on average {abs(gap):.3f} {more} similar "
        "to this label than the patches that no object touches (naive map; cosines, from -1 to 1)."
    )


@against(EITHER)
def value_value_gathers_more(now: Context) -> Finding:
    """Whether the value-value map has a larger share of its positive similarities on what the label names than the naive map."""
    if (about := named(now)) is None:
        return NO_TRUTH
    each = {name: scored(similar(now, _asked(now, about), name)[0], about) for name in (PATHS[0], PATHS[2])}
    shares = [one.share for one in each.values()]
    if np.isnan(shares).any():
        return Finding(None, "One of the two maps has no positive similarity, so that there are 0 shares to compare.")
    said = ", ".join(f"{name} {one.share:.1%} ({one.share / one.chance:.1f} x chance)" for name, one in each.items())
    return Finding(
        bool(shares[1] > shares[0]),
        f"Share of all positive similarities that lies on what “{about.label}” names, after layer {now.chosen.layer + 1}: {said}. "
        f"Strongest patch on it: {', '.join(f'{name} {_yes(one.hit)}' for name, one in each.items())}.",
    )


@against(LABELS)
def labels_divide_the_patches(now: Context) -> Finding:
    """Whether the patches of each object are most similar to its own label, among the true labels and wrong shapes of their colours."""
    scene = now.picture.scene
    if scene is None:
        return NO_TRUTH
    true = [phrase(thing) for thing in scene.things]
    labels = tuple(dict.fromkeys([*true, *(wrong_shape(scene, thing) for thing in scene.things)]))
    winner = similar(now, labels).argmax(axis=0)
    covers = [coverage(thing.mask, now.grid) for thing in scene.things]
    own = np.concatenate([winner[cover > FULL] == labels.index(text) for cover, text in zip(covers, true, strict=True)])
    if not own.size:
        return Finding(None, "The objects are so small that they fill 0 patches by more than half.")
    return Finding(
        bool(own.mean() >= MOST),
        f"Labels: {', '.join(labels)}. Of {own.size} patches that an object covers by more than half, {int(own.sum())} "
        f"({own.mean():.0%}) are most similar to their own object's label after layer {now.chosen.layer + 1}; by chance "
        f"{1 / len(labels):.0%}. The claim asks for {MOST:.0%}.",
    )


def _yes(hit: bool) -> str:
    return "yes" if hit else "no"
