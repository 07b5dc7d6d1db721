"""Lesson "One word, one look": whether words look at what they name, what gates do, and what order means to a set."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.captioning import END, Captioning, shown
from tutorials.findings.context import Finding, Picture
from tutorials.findings.controls import PATCHES, WHERE, WORDS, against
from tutorials.plain import plain
from visualizer.measures.entropy import entropy
from vit_attention.records import AttentionMap
from worlds.captions import RELATIONS
from worlds.shapes import COLOURS, NAMES

SAME, OTHER_WORDS, NOTHING = (
    "The same sentence",
    "A sentence with other words",
    "A sentence in which only left, right, above and below may differ",
)
HIT = 0.1
"""Share of a cell that an object must cover for the cell to lie on it."""
LITTLE = ("a", "an", "of")

NO_TRUTH = Finding(
    None, "Where things are is known only for drawn scenes, seen as a grid of cells. Choose a scene in the sidebar."
)
NO_MODEL = Finding(None, "This record comes from a file, and the model that made it is not here to be asked again.")


@dataclass(frozen=True, eq=False)
class Shuffled:
    """What a model said about regions in another order.

    Attributes:
        order: (regions,) which region of the picture stands in each place.
        moved: the sentence about the regions in that order, each with all its features.
        decoder: the decoder's map of that sentence.
        misplaced: the sentence about the regions in their old order, whose place codes alone were exchanged in that way.
    """

    order: NDArray[np.intp]
    moved: str
    decoder: AttentionMap
    misplaced: str


def in_random_order(model: Any, picture: Picture, beams: int, seed: int = 0) -> Shuffled:
    """The same regions in a random order, and the same regions with the wrong places."""
    seen, places = model.prepare(picture.image), model.card.places
    order = np.random.default_rng(seed).permutation(len(seen.values))
    elsewhere = seen.values.copy()
    elsewhere[:, -places:] = seen.values[order, -places:]
    moved = model.attend(seen.permuted(order), beams=beams)
    misplaced = model.attend(replace(seen, values=elsewhere), beams=beams, layers=[0])
    decoder = next(one for one in moved.maps if one.kind == "cross")
    return Shuffled(order, moved.prediction.text, decoder, misplaced.prediction.text)


def shuffled(now: Captioning) -> Shuffled:
    """What the model says about this picture's regions in a random order."""
    return now.run(in_random_order, now.model, now.picture, now.beams)


def shuffled_caption(now: Captioning) -> Finding:
    """What the model says about the same regions in a random order."""
    if not now.runs:
        return NO_MODEL
    found = shuffled(now)
    before, moved, misplaced = now.record.prediction.text, found.moved, found.misplaced
    gap = largest_gap(now, found)
    text = (
        f"In order: “{before}”. In a random order: “{moved}”. Every weight moved along with its region (largest "
        f"difference {gap:.1e}). {_of_places(before, misplaced)}"
    )
    if moved == before:
        return Finding(SAME, text)
    return Finding(NOTHING if _without_relation(moved) == _without_relation(before) else OTHER_WORDS, text)


def _of_places(before: str, misplaced: str) -> str:
    """What exchanging the regions' codes of their own places did."""
    if misplaced == before:
        return (
            "Here even exchanged place codes, and nothing else exchanged, left the sentence as it was; the right word may be "
            "luck: try another scene."
        )
    return (
        "What does matter is what a region says about its own place: with the place codes exchanged among the regions, and "
        f"nothing else, the model says “{misplaced}”."
    )


def largest_gap(now: Captioning, found: Shuffled) -> float:
    """Largest difference between the decoder's weights before and after the shuffle, each region compared with itself.

    NaN if the two captions have different lengths.
    """
    first, second = now.decoder.single, found.decoder.single
    if first.shape != second.shape:
        return float("nan")
    return float(np.abs(first[:, :, found.order] - second).max())


def _without_relation(text: str) -> list[str]:
    return [word for word in text.split() if word not in RELATIONS and word != "of"]


def steps(now: Captioning) -> Finding:
    """How often the decoder looked: once a word, and once to end."""
    ended = now.words[-1] == END
    spoken = len(now.words) - ended
    end = "and once more to decide that the sentence is over" if ended else "and was cut off at its greatest length"
    text = f"{spoken} words, {end}: {len(now.words)} looks, one row of the map each, over {len(now.axis)} regions."
    return Finding(float(len(now.words)), text)


@against(*WHERE, WORDS)
def nouns_on_objects(now: Captioning) -> Finding:
    """Does every noun's map have its strongest cell on the object it names?"""
    covers = now.covers()
    if not covers:
        return NO_TRUTH
    found = now.nouns
    if not found:
        return Finding(None, "This sentence has 0 nouns, and this needs at least 1.")
    parts, hits = [], []
    for word, thing in found.items():
        if thing is None:
            hits.append(False)
            parts.append(f"“{now.words[word]}” names nothing that is there")
            continue
        row, on = now.rows(now.head)[word], covers[thing] > HIT
        hits.append(bool(on[row.argmax()]))
        where = "on its object" if hits[-1] else "elsewhere"
        parts.append(
            f"“{now.words[word]}”: strongest cell {where}; {row[on].sum():.0%} of its attention on the object's cells, "
            f"which are {on.mean():.0%} of all (chance)"
        )
    return Finding(all(hits), f"{'; '.join(parts)}. Looked at in {now.in_heads()}.")


@against(*WHERE, WORDS)
def relation_looks_at_both(now: Captioning) -> Finding:
    """Does the relation word give both objects more attention than their share of the cells?"""
    covers = now.covers()
    if not covers:
        return NO_TRUTH
    at = next((n for n, word in enumerate(now.words) if word in RELATIONS), None)
    if at is None or len(covers) != 2:
        return Finding(None, "This needs a scene of two objects and a sentence with left, right, above or below.")
    row, scene = now.rows(now.head)[at], now.picture.scene
    assert scene is not None  # covers come from it
    shares = [(float(row[on].sum()), float(on.mean())) for on in (cover > HIT for cover in covers)]
    parts = [
        f"{share:.0%} of its attention on the {thing.shape}, whose cells are {chance:.0%} of all (chance)"
        for (share, chance), thing in zip(shares, scene.things, strict=True)
    ]
    text = f"“{now.words[at]}” puts {', and '.join(parts)}. Looked at in {now.in_heads()}."
    return Finding(all(share > chance for share, chance in shares), text)


@against(WORDS)
def gate_for_nouns(now: Captioning) -> Finding:
    """Is the gate wider open, on average, for nouns than for little words?"""
    gates = now.gates
    if gates is None:
        return Finding(None, "This decoder has no gate.")
    nouns = [n for n, word in enumerate(now.words) if word in NAMES]
    little = [n for n, word in enumerate(now.words) if word in LITTLE]
    if not nouns or not little:
        return Finding(None, "This needs a sentence with a shape and with “a”, “an” or “of”.")
    wide, narrow = float(gates[nouns].mean()), float(gates[little].mean())
    text = (
        f"Open, mean over channels: {_each(now, nouns, gates)}; mean {wide:.0%}. Against "
        f"{_each(now, little, gates)}; mean {narrow:.0%}."
    )
    return Finding(wide > narrow, text)


def _each(now: Captioning, words: Iterable[int], gates: NDArray[np.float64]) -> str:
    return ", ".join(f"“{shown(now.words[n])}” {gates[n]:.0%}" for n in words)


@against(WORDS)
def mean_is_best(now: Captioning) -> Finding:
    """Does the mean of heads point at more of the named things than every single head? A tie cannot be tested."""
    covers = now.covers()
    there = {word: thing for word, thing in now.nouns.items() if thing is not None}
    if not covers or not there:
        return (
            NO_TRUTH
            if not covers
            else Finding(None, "0 nouns of this sentence name something that is there, and this needs at least 1.")
        )
    heads = range(len(now.decoder.weights))
    hits, *each = (_pointed(now, head, covers, there) for head in (None, *heads))
    best = int(np.argmax(each))
    better = sum(one > hits for one in each)
    more = f"{better} of {len(each)} heads hit more" if better else "no head hits more"
    text = (
        f"Of {len(there)} nouns, the strongest cell lies on the thing named for {hits} in the mean of heads, for {each[best]} in "
        f"the best single head (head {best + 1}), for {min(each)} in the worst (head {int(np.argmin(each)) + 1}): {more}."
    )
    if each[best] == hits:
        return Finding(None, f"{text} A tie between the mean and its best rival: this needs a scene where they differ.")
    return Finding(better == 0, text)


def _pointed(now: Captioning, head: int | None, covers: Sequence[NDArray[Any]], there: Mapping[int, int]) -> int:
    """How many nouns have their strongest cell on the thing they name."""
    rows = now.rows(head)
    return sum(bool(covers[thing][rows[word].argmax()] > HIT) for word, thing in there.items())


@against(PATCHES)
def first_region_is_special(now: Captioning) -> Finding:
    """Is row 0 a class token in disguise: does it get far more attention than its share?"""
    row = now.rows(None)[:, 0]
    even = 1 / len(now.axis)
    place = plain(now.region_name(0))
    read = np.mean([one.single[:, 1:, 0].mean() for one in now.refiner]) if now.refiner else float("nan")
    text = (
        f"Region 1 ({place}) gets {row.mean():.2%} of the words' attention, mean over {len(row)} words and all heads; an even "
        f"share of {len(now.axis)} regions is {even:.2%}. In the refiner the other regions give it {read:.2%}."
    )
    return Finding(bool(row.mean() > 2 * even), text)


def most_visible(now: Captioning) -> int:
    """The word whose map has the strongest cell, 0 first: the noun of a thing that is there, or any word if none is."""
    nouns = [word for word, thing in now.nouns.items() if thing is not None]
    peaks = now.rows(None).max(axis=1)
    return max(nouns or [n for n, word in enumerate(now.words) if word != END] or [0], key=lambda word: peaks[word])


LITTLE_WORD, COLOUR, SHAPE, RELATION = "a, an or of", "a colour", "a shape", "left, right, above or below"


def sharpest(now: Captioning) -> Finding:
    """Of which kind is the word whose row is the least spread out?"""
    words = [n for n, word in enumerate(now.words) if word != END]
    if not words:
        return Finding(None, "This sentence has no word.")
    bits = entropy(now.rows(now.head))
    order = sorted(words, key=lambda n: bits[n])
    each = ", ".join(f"“{shown(now.words[n])}” {bits[n]:.2f}" for n in order)
    text = f"Entropy in bits, the least spread out first: {each}; at most {np.log2(len(now.axis)):.2f}. Looked at in {now.in_heads()}."
    return Finding(_kind(now.words[order[0]]), text)


def _kind(word: str) -> str | None:
    kinds = {LITTLE_WORD: LITTLE, COLOUR: COLOURS, SHAPE: NAMES, RELATION: RELATIONS}
    return next((kind for kind, words in kinds.items() if word in words), None)


def refiner_weights(now: Captioning) -> Finding:
    """How many weights one head of one refiner layer has."""
    regions = len(now.axis)
    text = f"Each of {regions} regions gives a weight to all {regions}: {regions:,} x {regions:,} = {regions**2:,} weights in a head."
    return Finding(float(regions**2), text)
