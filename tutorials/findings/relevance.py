"""Findings of the page from attention to relevance: what maps for a class know that weights alone do not."""

import numpy as np

from tutorials.findings.asked import (
    CONTRAST,
    NO_CLASSES,
    SHUFFLED,
    TWO_OBJECTS,
    absent,
    covers,
    map_of,
    shares,
    sums,
    two,
    values,
)
from tutorials.findings.context import NO_TRUTH, Context, Finding
from tutorials.findings.controls import against
from tutorials.findings.rollout import classes
from visualizer.measures.deletion import count, strongest
from visualizer.measures.ranks import spearmanr
from visualizer.measures.score import pointing_hit
from visualizer.method import methods

BLIND = ("Nothing", "The strongest patch moves to the other object", "All weights change a little")
FEATURES = ("grad-cam", "legrad", "decision-flow")
RULES = ("attnlrp", "cp-lrp")
RIVALS = ("relevance", "grad-cam", "input-gradients")
KEPT = 0.1
"""A rule keeps the score if its shares miss at most this part of it."""
MARGIN = 0.05
"""Shares that differ by less count as equal."""
TOP = 10
"""How many of the strongest patches are compared."""
FAINT = 0.1
"""A map shows nothing if its largest value is below this part of that of a class that is there."""


def blind(now: Context) -> Finding:
    """What changes in the class token's weights when another class is asked about."""
    asked = classes(now)
    if asked is None:
        return NO_CLASSES
    first, second = (values(map_of(now, "raw", name)) for name in asked)
    apart = float(np.abs(first - second).max())
    return Finding(
        BLIND[0] if apart == 0 else BLIND[2],
        f"Asked about {asked[0]} or {asked[1]}, the largest difference of two weights is {apart:g}: the weights were there before anybody "
        "asked.",
    )


@against()
def weight_is_taken(now: Context) -> Finding:
    """Whether the weights of the last layer and the lengths of what is taken over choose the same patches."""
    weights, lengths = (values(map_of(now, name)) for name in ("raw", "norms"))
    rank = float(spearmanr(weights.ravel(), lengths.ravel())[0])
    common = len(set(strongest(weights, TOP)) & set(strongest(lengths, TOP)))
    return Finding(
        bool(rank > 0.95 and common >= TOP - 1),
        f"Class token, last layer, all heads: rank correlation of weights and lengths over {weights.size} patches {rank:+.2f}; "
        f"{common} of the {TOP} largest weights are among the {TOP} longest.",
    )


@against(CONTRAST, SHUFFLED)
def on_its_object(now: Context) -> Finding:
    """Whether relevance for each of two objects points at that object and has more weight there than on the other."""
    asked = two(now)
    if asked is None:
        return TWO_OBJECTS
    held, told = [], []
    for name, other in (asked, asked[::-1]):
        found = values(map_of(now, "relevance", name))
        hit, share = bool(pointing_hit(found, covers(now)[name])), shares(now, found)
        held.append(hit and share[name] > share[other])
        told.append(
            f"asked for the {name}, {share[name]:.1%} of the map is on it and {share[other]:.1%} on the {other}, and the strongest patch "
            f"is{'' if hit else ' not'} on it"
        )
    listed, chance = "; ".join(told), [float(cover.mean()) for cover in covers(now).values()]
    return Finding(
        all(held),
        f"{listed[0].upper()}{listed[1:]}. The two objects cover {chance[0]:.1%} and {chance[1]:.1%} of the picture.",
    )


def most_on_object(now: Context) -> Finding:
    """Which of three methods that read features puts the largest share on the object asked about."""
    asked = two(now)
    if asked is None:
        return TWO_OBJECTS
    found = {methods()[name].heading: shares(now, values(map_of(now, name, asked[0]))) for name in FEATURES}
    told = "; ".join(f"{name} {one[asked[0]]:.1%} and {one[asked[1]]:.1%}" for name, one in found.items())
    return Finding(
        max(found, key=lambda name: np.nan_to_num(found[name][asked[0]])),
        f"Asked for the {asked[0]}, share of the positive map on it and on the {asked[1]}: {told}.",
    )


def keeps_the_score(now: Context) -> Finding:
    """Which of the two rules still accounts for the score at the input."""
    asked = classes(now)
    if asked is None:
        return NO_CLASSES
    found = {name: sums(now, name, asked[0]) for name in RULES}
    kept, told = [], []
    for name, (stages, score) in found.items():
        part = float(stages[0]) / score
        kept.append(abs(part - 1) <= KEPT)
        told.append(f"{methods()[name].heading} accounts for {stages[0]:.2f} ({part:.0%})")
    answer = {(True, False): "AttnLRP alone", (False, True): "CP-LRP alone", (True, True): "Both"}
    right = answer.get((kept[0], kept[1]), "Neither")
    return Finding(right, f"Score of {asked[0]}: {score:.2f}. At the tokens that enter layer 1 {' and '.join(told)}.")


@against()
def gradients_suffice(now: Context) -> Finding:
    """Whether plain input gradients put as much on the object asked about as integrated gradients do."""
    asked = two(now)
    if asked is None:
        return TWO_OBJECTS
    found = [shares(now, values(map_of(now, name, asked[0]))) for name in ("input-gradients", "integrated-gradients")]
    plain, whole = (one[asked[0]] for one in found)
    return Finding(
        bool(plain >= whole - MARGIN),
        f"Asked for the {asked[0]}: of the input gradients {plain:.1%} are on it and {found[0][asked[1]]:.1%} on the {asked[1]}, of the "
        f"positive integrated gradients {whole:.1%} and {found[1][asked[1]]:.1%}.",
    )


def nearest_to_occlusion(now: Context) -> Finding:
    """Which of three maps that need no further run has most of its strongest patches among those that occlusion finds."""
    asked = classes(now)
    if asked is None:
        return NO_CLASSES
    number = count(now.grid)
    costly = set(strongest(values(map_of(now, "occlusion", asked[0])), number))
    common = {
        methods()[name].heading: len(costly & set(strongest(values(map_of(now, name, asked[0])), number)))
        for name in RIVALS
    }
    told = "; ".join(f"{name} {many}" for name, many in common.items())
    return Finding(
        tuple(name for name, many in common.items() if many == max(common.values())),
        f"Asked for {asked[0]}: of the {number} patches whose covering costs most, so many are among the {number} strongest of each map: {told}.",
    )


@against()
def absent_is_empty(now: Context) -> Finding:
    """Whether relevance for a class that is not there is faint beside that for one that is."""
    nowhere, scene, truth = absent(now), now.picture.scene, now.truth
    if scene is None or truth is None:
        return NO_TRUTH
    there = next((thing.shape for thing in scene.things if thing.shape in now.record.prediction.labels), None)
    if nowhere is None or there is None:
        return NO_CLASSES
    real, empty = (values(map_of(now, "relevance", name)) for name in (there, nowhere))
    part, objects = float(empty.max() / real.max()), sum(shares(now, empty).values())
    return Finding(
        bool(part < FAINT),
        f"The {there} is there and the {nowhere} is not. The strongest value of the map for the {nowhere} is {part:.0%} of that for the "
        f"{there}, and {objects:.1%} of it lies on objects, which cover {float(truth.mean()):.1%} of the picture.",
    )
