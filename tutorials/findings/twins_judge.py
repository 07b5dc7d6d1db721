"""What is asked before and after the lessons that judge maps, answered from what is looked at."""

from dataclasses import replace
from typing import Any

import numpy as np

from tutorials.findings import cover, explaining, explanation, heads_off, pipes, sanity, several
from tutorials.findings.asked import absent, covers, map_of, values
from tutorials.findings.context import NO_TRUTH, Context, Finding
from tutorials.findings.leaderboard import board_of, methods_of
from tutorials.findings.relevance import FAINT
from visualizer.measures.ranks import rank_correlation
from visualizer.measures.score import HIT_THRESHOLD

THING, GROUND, NOWHERE = "On one of the objects", "On the ground between them", "Nowhere, since the map is empty"
FIRST, BETWEEN, LAST = "The first layer alone", "One of the layers in between", "The last layer alone"
SAME, OTHER, NONE = "The same class as before", "Another class than before", "No class, since none reaches half"
HALF = 0.5
"""The probability from which on a class is the answer."""
MOST, LEAST, NEITHER = "The one that looks most at it", "The one that looks least at it", "One of the other heads"
WORTH = 5
"""The layer whose heads are compared, 0 nearest the picture."""
ROW, ALL, EACH, IDLE = "The first alone", "The second alone", "Each of the two", "Neither of the two"
PERMUTED_IN = 9
"""The layer in which the class token's row is permuted, and whose attention is compared after the cascade."""
SURVIVORS = {"rollout": "Rollout alone", "raw": "Raw attention alone", "grad-cam": "Grad-CAM alone"}
GONE = "None of the three"
LEADER, FEW, MANY = "None: the first is the best", "One or two others", "Three or more others"


def absent_class(now: Context) -> Finding:
    """Where the strongest patch of relevance for a class that is not there lies, beside that for one that is."""
    nowhere, scene, truth = absent(now), now.picture.scene, now.truth
    if scene is None or truth is None or nowhere is None:
        return NO_TRUTH
    there = next((thing.shape for thing in scene.things if thing.shape in now.record.prediction.labels), None)
    if there is None:
        return NO_TRUTH
    real, empty = (values(map_of(now, "relevance", name)) for name in (there, nowhere))
    part, best = float(empty.max() / real.max()), int(empty.argmax())
    on = [name for name, cover in covers(now).items() if cover.ravel()[best] > HIT_THRESHOLD]
    where = f"on the {on[0]}" if on else "on the ground"
    return Finding(
        NOWHERE if part < FAINT else THING if on else GROUND,
        f"The {nowhere} is not in the picture. The strongest patch of its map lies {where}, and its largest value is {part:.0%} of "
        f"that of the map for the {there}, which is there. A map can be asked for any class, and some patch is always its strongest.",
    )


def narrow_layer(now: Context) -> Finding:
    """Which layer holds most of the narrowest cut in front of the patch in the middle of the picture, row 7 and column 7."""
    if why := pipes.unfit(now):
        return Finding(None, f"There is no flow here: {why}.")
    row, column = (now.grid[0] - 1) // 2, (now.grid[1] - 1) // 2
    found = pipes.live_cut(replace(now, chosen=replace(now.chosen, row=row, column=column)))
    layer, whole = int(found.argmax()), float(found.sum())
    where = FIRST if layer == 0 else LAST if layer == len(found) - 1 else BETWEEN
    end = (
        "all that leaves the class token" if layer == len(found) - 1 else "less than the 1 that leaves the class token"
    )
    return Finding(
        where,
        f"To the patch in row {row + 1}, column {column + 1} at most {whole:.3f} can flow, {end}. Of the narrowest cut "
        f"{found[layer]:.3f} lies in layer {layer + 1} of {len(found)}. The other layers are wider: with other weights in "
        "them, the flow to this patch would be the same.",
    )


def blurred(now: Context) -> Finding:
    """What has at least half of the probability once the patches of the objects are blurred."""
    inside, labels = cover.object_patches(now), now.record.prediction.labels
    if not inside or not labels:
        return NO_TRUTH
    how: dict[str, Any] = {"geometry": now.record.geometry, "grid": now.grid}
    chances = now.run(cover.scored, now.model, now.picture, (cover.Edit(inside, "blur"),), now.labels, **how)[0]
    before, after = now.record.prediction.top(1)[0][0], labels[int(chances.argmax())]
    answer = NONE if chances.max() < HALF else SAME if after == before else OTHER
    return Finding(
        answer,
        f"Before, the likeliest class was {before}. With the {len(inside)} patches of the objects blurred it is {after}, with "
        f"{chances.max():.0%}. A blurred patch is not an empty one: a blot of some colour and outline is left, and the model answers to that.",
    )


def dearest_head(now: Context) -> Finding:
    """Which head of layer 6 costs the likeliest class most when it is switched off: the one that looks most at the objects?"""
    if now.truth is None or not now.record.prediction.labels:
        return NO_TRUTH
    asking = replace(now.chosen, layer=WORTH, head=None, query=0, row=0, column=0, patches=())
    layer = replace(now, chosen=asking)
    looks, costs = heads_off.on_object(layer, WORTH), heads_off.of_layer(layer)
    most, least, best = int(looks.argmax()), int(looks.argmin()), int(costs.argmax())
    place = int((costs > costs[most]).sum()) + 1
    return Finding(
        MOST if best == most else LEAST if best == least else NEITHER,
        f"In layer {WORTH + 1} head {most + 1} looks most at the objects ({looks[most]:.0%} of its patch weight). Without it the raw "
        f"score {'falls' if costs[most] > 0 else 'rises'} by {abs(costs[most]):.2f}; head {best + 1} costs most, {costs[best]:.2f}, and gives the "
        f"objects {looks[best]:.0%}. By what is lost, the first stands in place {place} of {len(costs)}: what a head looks at does not say "
        "what it carries onwards.",
    )


def rests_on_rows(now: Context) -> Finding:
    """Whether the class token's row of layer 10, or all rows of all layers, move the answer when they are permuted."""
    chosen = replace(now.chosen, layer=PERMUTED_IN, head=None, query=0, row=0, column=0, patches=())
    row, every = (
        float(np.median(explanation.moves(replace(now, chosen=chosen), rows, explanation.FEW)))
        for rows in (
            explaining.Rows(layers=(PERMUTED_IN,), queries=(0,)),
            explaining.Rows(),
        )
    )
    moved = (row > explanation.SMALL, every > explanation.SMALL)
    return Finding(
        {(True, False): ROW, (False, True): ALL, (True, True): EACH}.get(moved, IDLE),
        f"Median of {explanation.FEW} orders, {explanation.unit(now)}: with the class token's row of layer {PERMUTED_IN + 1} permuted "
        f"{row:.3f}, with all rows of all layers permuted {every:.3f}; the bar is {explanation.SMALL}. Whether the answer rests on "
        "attention depends on what is changed: one row that can be replaced does not make all of attention idle.",
    )


def survivor(now: Context) -> Finding:
    """Which of three maps resembles its former self most once the upper half of the network is random, if any does."""
    chosen = replace(now.chosen, layer=PERMUTED_IN, head=None, query=0, row=0, column=0, patches=())
    asked, names = replace(now, chosen=chosen), list(SURVIVORS)
    step = 1 + (len(several.steps(now)) - 3) // 2
    own, other = (several.maps_of(asked, names, change=several.Change(step=one)) for one in (0, step))
    ranks = {name: rank_correlation(own[name], other[name]) for name in names}
    best = max(names, key=lambda name: np.nan_to_num(ranks[name], nan=-1))
    told = ", ".join(f"{SURVIVORS[name].removesuffix(' alone')} {rank:+.2f}" for name, rank in ranks.items())
    return Finding(
        SURVIVORS[best] if ranks[best] >= sanity.ALIKE else GONE,
        f"With head and upper half of the layers drawn anew, the rank correlations with the trained maps are: {told}; from "
        f"{sanity.ALIKE} on, a map counts as similar. A product of all layers keeps what the lower half put into it, though the network "
        "names nothing any more.",
    )


def as_good(now: Any) -> Finding:
    """How many other methods may point as well as the first of a board, as far as intervals of 95 % tell."""
    first, *rest = methods_of(board_of(now), "points at it")
    same = [one.name for one in rest if one.hit.high >= first.hit.value]
    return Finding(
        MANY if len(same) > 2 else FEW if same else LEADER,
        f"{first.name} stands first with {first.hit.value:.0%} ({first.hit.low:.0%} to {first.hit.high:.0%}) of {first.cases} cases. "
        f"The intervals of {len(same)} others reach as high: {', '.join(same) or 'none'}. On other pictures any of them might be first.",
    )
