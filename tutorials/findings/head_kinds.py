"""Heads that prefer objects, their outlines, or textured ground, beside chance: on one picture, and on many."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import NO_TRUTH, Context, Finding
from tutorials.findings.controls import demonstration
from tutorials.findings.kinds_measured import (
    CLASS,
    COMPARED,
    EDGE,
    FOREGROUND,
    KINDS,
    PHOTOGRAPHS,
    TEXTURE,
    Groups,
    HeadKinds,
    measured,
    precomputed,
)
from visualizer.measures.best_of_heads import best_of_heads
from visualizer.measures.preference import EVEN, outline_kinds, preference

FEWEST = 2
"""Patches inside an object below which its outline has too little to be compared with."""

ENOUGH = 20
"""Outlined photographs below which numbers are given without a verdict."""


def edge_head(now: Context) -> Finding:
    """Whether some head puts more weight on the object's outline than on either side of it, beyond luck and choice.

    The best of all heads is compared with the best of all heads for every place to which the outline can be moved.
    """
    if now.truth is None:
        return NO_TRUTH
    kinds = outline_kinds(now.truth)
    if kinds.inside.sum() < FEWEST or not kinds.outside.any():
        missing = f"This needs {FEWEST} patches that an object fills, and there are {int(kinds.inside.sum())} here."
        return Finding(None, missing)
    maps = np.concatenate([now.patch_map(rows) for rows in now.asking_rows()]).astype(np.float64)
    tested = best_of_heads(preference(maps, *kinds), _elsewhere(maps, np.stack(kinds)))
    best = int(np.nanargmax(tested.values))
    layer, head = _place(now, best)
    share, part = (float(x[kinds.edge].sum() / x.sum()) for x in (maps[best], np.ones_like(maps[best])))
    return Finding(
        bool(tested.passed[best] and tested.values[best] > EVEN),
        f"Layer {layer + 1}, head {head + 1} has the strongest preference of {len(maps)} heads: a patch on the outline gets "
        f"{times(tested.values[best])} as much as one inside or just outside, whichever gets more. {share:.0%} of its patch "
        f"weight is on the outline's patches, which are {part:.1%} of all. With the outline moved to each of "
        f"{len(tested.best)} places, some head does at least as well at {tested.p[best]:.1%} of them. "
        f"Heads that do better than that: {int(tested.passed.sum())}.",
    )


def _elsewhere(maps: NDArray[np.float64], kinds: Groups) -> NDArray[np.float64]:
    """(places, heads) preferences for every place to which the outline can be moved; what leaves at one rim comes back."""
    rows, columns = kinds.shape[1:]
    return np.stack(
        [
            preference(maps, *np.roll(kinds, (down, right), (1, 2)))
            for down in range(rows)
            for right in range(columns)
            if (down, right) != (0, 0)
        ]
    )


def _place(now: Context, number: int) -> tuple[int, int]:
    """Layer and head, from 0, of a number that counts through all heads."""
    ends = np.cumsum([len(one.weights) for one in now.record.maps])
    layer = int(np.searchsorted(ends, number, side="right"))
    return layer, number - int(ends[layer - 1] if layer else 0)


def times(value: float) -> str:
    """A preference as a ratio.

    >>> times(0.75), times(1.0)
    ('3.0 times', 'more than 999 times')
    """
    ratio = value / (1 - value) if value < 1 else np.inf
    return f"{ratio:.1f} times" if ratio < 999 else "more than 999 times"


def kinds_of(now: Context, kind: str, asks: str = CLASS) -> HeadKinds:
    """`precomputed` of the page's model, or `measured` on fewer pictures if that was not."""
    return precomputed(now.model, kind, asks) or now.run(_live, now.model, None, kind)[asks]


def _live(model: Any, picture: None, kind: str) -> dict[str, HeadKinds]:
    return measured(model, kind, count=12 if kind == TEXTURE else 24)


@demonstration
def texture_head(now: Context) -> Finding:
    """Whether some head prefers textured ground to plain ground of the same colour, on grounds drawn for this question."""
    return _some_head(kinds_of(now, TEXTURE))


@demonstration
def edge_heads(now: Context) -> Finding:
    """How many heads prefer the outlines of objects to what lies on either side, over many scenes."""
    return _counted(kinds_of(now, EDGE))


@demonstration
def foreground_heads(now: Context) -> Finding:
    """How many heads prefer objects to the ground, over many pictures."""
    return _counted(kinds_of(now, FOREGROUND))


@demonstration
def most_heads(now: Context) -> Finding:
    """Which of the three kinds has the most heads."""
    found = {kind: kinds_of(now, kind) for kind in KINDS}
    counts = {kind: int(one.passed.sum()) for kind, one in found.items()}
    most = tuple(kind for kind, count in counts.items() if count == max(counts.values()))
    parts = [f"{counts[kind]} of {one.values.size} heads prefer {COMPARED[kind]}" for kind, one in found.items()]
    return Finding(most, f"{'; '.join(parts)}. Class token asks; many heads are of more than one kind.")


def _counted(found: HeadKinds) -> Finding:
    return Finding(float(found.passed.sum()), in_words(found))


def _some_head(found: HeadKinds) -> Finding:
    return Finding(bool(found.passed.any()), in_words(found))


def in_words(found: HeadKinds) -> str:
    """The outcome in sentences, with everything that it is compared with."""
    layer, head = found.best
    few = ""
    if found.things == PHOTOGRAPHS and found.count < ENOUGH:
        few = f" {found.count} photographs are too few for a verdict, which needs {ENOUGH}."
    before = "" if np.isnan(found.untrained) else f"; before training the best head has {found.untrained:.2f}"
    return (
        f"On {found.count} {found.things}, asked by the {found.asks}: the strongest preference for {COMPARED[found.kind]}, is "
        f"{found.values[layer, head]:.2f} ({times(float(found.values[layer, head]))} as much), in layer {layer + 1}, head "
        f"{head + 1}; 0.50 is none. It has {found.shares[layer, head]:.0%} of that head's attention on these patches, where "
        f"{found.chance:.0%} is chance. By chance the best of {found.values.size} heads exceeds {found.level:.2f} in 5 % of "
        f"cases{before}. Heads above both: {int(found.passed.sum())} of {found.values.size}.{few}"
    )
