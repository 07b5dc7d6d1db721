"""Lesson "From token to field": whether a focused head is a right one, and what a proposed box shows."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import Finding
from tutorials.findings.controls import HEADS, WORDS, against, demonstration, in_groups
from tutorials.findings.head_sample import KINDS, Sample
from tutorials.findings.page import BUNDLED, OTHERS, Reading
from tutorials.findings.reading import NO_TRUTH, PAGES, other_pages, page_sample, several_pages
from visualizer.measures.ranks import rank_correlation
from visualizer.measures.reading_score import FieldScore, field_scores

SAME, NEAR, FAR = "Yes, it is the same head", "No, but it is in the best quarter", "No, it comes later"
SEED_LAYER, SEED_HEAD = 2, 7
"""The third layer's head 8, of which it has been said that it shows the most focused patterns."""
LEAST = 5
"""Fields misread, and misplaced, below which nothing can be said of how the two go together."""
LINKED = -0.5
"""Rank correlation of entropy and hit rate from which on focus is said to tell who is right."""

NOTHING_RIGHT = Finding(
    None, "0 values of this page were read right, and this needs at least 1: no token's place is known."
)


def rates(found: Sample, kinds: tuple[str, ...] = KINDS) -> NDArray[np.float64]:
    """(layers, heads) hit rate over the tokens of these kinds, without the means; NaN without any."""
    layers, heads = (n - 1 for n in found.bits.shape)
    return np.array([[found.rate(kinds, layer, head) for head in range(heads)] for layer in range(layers)])


def scores(now: Reading, tight: bool = True) -> list[FieldScore]:
    """Every field of the page against the truth; [] for an own page."""
    if now.document.truth is None:
        return []
    return field_scores(now.record, now.document.values, now.layers, now.heads, tight)


def name(place: tuple[int, int]) -> str:
    return f"layer {place[0] + 1}, head {place[1] + 1}"


def _best(values: NDArray[np.float64]) -> tuple[int, int]:
    row, column = np.unravel_index(int(np.nanargmax(values)), values.shape)
    return int(row), int(column)


def focused_is_right(now: Reading) -> Finding:
    """Where the head of the lowest entropy stands among all heads by hit rate on this page."""
    if now.document.truth is None:
        return NO_TRUTH
    found = page_sample(now)
    if not found.tokens.sum():
        return NOTHING_RIGHT
    hits, bits = rates(found), found.bits[:-1, :-1]
    focused = _best(-bits)
    better = int((hits > hits[focused]).sum())
    answer = SAME if better == 0 else NEAR if better < hits.size / 4 else FAR
    others = f"{better} of {hits.size} heads hit more often, the best of them {hits.max():.0%} ({name(_best(hits))})"
    text = (
        f"The lowest mean entropy, {bits[focused]:.2f} bits, is that of {name(focused)}. Its strongest cell lies on the token's "
        f"own print for {hits[focused]:.0%} of {int(found.tokens.sum())} tokens; "
        f"{others if better else f'none of {hits.size} heads hits more often'}."
    )
    return Finding(answer, text)


def located(now: Reading) -> Finding:
    """Percentage of the fields read right whose proposed box has its middle in the true box."""
    if now.document.truth is None:
        return NO_TRUTH
    right = [one for one in scores(now) if one.right]
    if not right:
        return Finding(None, "No field of this page was read right.")
    inside = sum(one.centre for one in right)
    percent = 100 * inside / len(right)
    return Finding(
        percent,
        f"{now.map_name().capitalize()}: of {len(right)} fields that were read right, {inside} have the middle of their "
        f"proposed box in the true box, {percent:.0f} %.",
    )


@demonstration
def third_layer_head_eight(now: Reading) -> Finding:
    """Where head 8 of the third layer stands among all heads by its mean entropy and by its hits on this page."""
    found = page_sample(now)
    bits = found.bits[:-1, :-1]
    if bits.shape[0] <= SEED_LAYER or bits.shape[1] <= SEED_HEAD:
        return Finding(None, f"This decoder has {bits.shape[0]} layers and {bits.shape[1]} heads a layer.")
    if not np.isfinite(bits).all():
        return NOTHING_RIGHT
    own, focused = bits[SEED_LAYER, SEED_HEAD], _best(-bits)
    place = int((bits < own).sum()) + 1
    text = (
        f"In {now.model}, {name((SEED_LAYER, SEED_HEAD))} has a mean entropy of {own:.2f} bits and is number {place} of "
        f"{bits.size} from the most focused. The lowest is {bits[focused]:.2f} bits, of {name(focused)}."
    )
    if found.tokens.sum():
        hits = rates(found)
        by_hits = int((hits > hits[SEED_LAYER, SEED_HEAD]).sum()) + 1
        text += f" By hits it is number {by_hits}, with {hits[SEED_LAYER, SEED_HEAD]:.0%}."
    return Finding(None, text)


@against(WORDS)
def focus_tells(now: Reading) -> Finding:
    """Rank correlation of entropy and hit rate over all heads."""
    if now.document.truth is None:
        return NO_TRUTH
    found = page_sample(now)
    if not found.tokens.sum():
        return NOTHING_RIGHT
    hits, bits = rates(found), found.bits[:-1, :-1]
    linked = rank_correlation(bits, hits)
    if not np.isfinite(linked):
        return Finding(None, "All heads have the same entropy or the same hit rate here.")
    text = (
        f"Over {hits.size} heads on this page the rank correlation of entropy and hit rate is {linked:.2f}. If focus "
        "showed which head is right, it would be near -1; if it showed nothing, near 0."
    )
    return Finding(linked <= LINKED, text)


@against(HEADS)
def mean_is_best(now: Reading) -> Finding:
    """Whether the mean of all heads hits more often than the best other map, picked on other pages; a tie cannot be tested."""
    if now.document.truth is None:
        return NO_TRUTH
    found, others = page_sample(now), several_pages(replace(now, others=OTHERS))  # the rival is chosen once
    if others is None:
        return Finding(
            None, "Reading more pages with this model to choose a head would take too long; receipt-donut can."
        )
    if not found.tokens.sum() or not others.tokens.sum():
        return NOTHING_RIGHT
    chosen = _rival(others)
    mean, single = found.rate(KINDS, None, None), found.rate(KINDS, *chosen)
    text = (
        f"The mean of all layers and heads hits {mean:.0%} of {int(found.tokens.sum())} tokens of this page; {_called(chosen)}, "
        f"best of all other maps on {PAGES} other receipts, hits {single:.0%}."
    )
    if mean == single:
        return Finding(None, f"{text} A tie: this needs a page on which they differ by at least 1 token.")
    return Finding(mean > single, text)


def _rival(found: Sample) -> tuple[int | None, int | None]:
    """The layer and head that hit most often, single heads and means alike (None is a mean), but the mean of all."""
    layers, heads = found.bits.shape
    places = [
        (layer if layer < layers - 1 else None, head if head < heads - 1 else None)
        for layer in range(layers)
        for head in range(heads)
    ]
    return max(places[:-1], key=lambda place: found.rate(KINDS, *place))


def _called(place: tuple[int | None, int | None]) -> str:
    layer, head = place
    where = "all layers" if layer is None else f"layer {layer + 1}"
    return f"the mean of {where}" if head is None else f"head {head + 1} of {where}"


@in_groups
@against(WORDS)
def wrong_place_wrong_value(now: Reading) -> Finding:
    """Whether most fields whose box lies in the wrong place were read wrong, on this page and other, longer ones."""
    if now.document.truth is None:
        return NO_TRUTH
    found = placed(scores(now))
    if now.model == BUNDLED:
        found = found + now.run(placed_elsewhere, now.model, None, now.others, now.layer, now.head)
    count, wrong, misplaced, both = (int(n) for n in found)
    if not count:
        return NOTHING_RIGHT
    text = (
        f"{now.map_name().capitalize()}, this page and {2 * PAGES if now.model == BUNDLED else 0} longer receipts: of {count} "
        f"fields {wrong} were read wrong ({wrong / count:.1%}, the base rate), and {misplaced} have the middle of their "
        f"proposed box outside the true box; {both} of these were read wrong and {misplaced - both} right."
    )
    for what, number in (("misread", wrong), ("misplaced", misplaced)):
        if number < LEAST:
            return Finding(None, f"{text} Too few were {what}: {LEAST - number} more are needed.")
    return Finding(both > misplaced / 2, text)


def placed(found: list[FieldScore]) -> NDArray[np.int64]:
    """(4,) how many fields have a proposed and a true box, were read wrong, lie in the wrong place, and both."""
    known = [one for one in found if one.box is not None and one.true_box is not None]
    wrong, away = np.array([(not one.right, not one.centre) for one in known], bool).reshape(-1, 2).T
    return np.array([len(known), wrong.sum(), away.sum(), (wrong & away).sum()], np.int64)


def placed_elsewhere(model: Any, picture: None, first: int, layer: int | None, head: int | None) -> NDArray[np.int64]:
    """`placed` of several receipts of five articles, half of them in invented words: on these, readers err more."""
    total = np.zeros(4, np.int64)
    for one in (page for kind in ("receipt", "invented") for page in other_pages(kind, first, articles=5)):
        record = model.attend(one.image, prompt=one.prompt, kinds=("cross",))
        layers, heads = (None if n is None else [n] for n in (layer, head))
        total += placed(field_scores(record, one.values, layers, heads, True))
    return total
