"""What `review-encoder` learns from: reviews, their counterfactual edits, and words that say nothing made unreadable."""

from __future__ import annotations

from string import ascii_lowercase
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from worlds.sentence_words import GROUPS, NEUTRAL, PEOPLE
from worlds.sentences import Sentence, sentences

FIRST_SEED = 1_000_000_000
HELD_OUT_SEED = 2_000_000_000
MASK = "[MASK]"
SILENT = frozenset(
    word
    for phrase in (*(noun for group in GROUPS for noun in (*group.one, *group.many)), *PEOPLE, "the was were")
    for word in phrase.split(" ")
)
"""Words that a review can lose without another verdict: what is judged, by whom, and the smallest ones."""


class Example(NamedTuple):
    """A text, 1 if its verdict is positive, and how many of negation, contrast and distractors it has."""

    text: str
    label: int
    kinds: int

    @classmethod
    def of(cls, made: Sentence) -> Example:
        return cls(made.text, int(made.label == "positive"), len(made.kinds))


def edited(rng: np.random.Generator, made: Sentence) -> Sentence:
    """A review as it is, with a polar word swapped for its antonym, or without its negator.

    Counterfactually augmented data (Kaushik, Hovy & Lipton 2020, arXiv:1909.12434). Without it a conceded clause, always
    of the other kind than the verdict, would tell the verdict as well as the clause that decides.
    """
    chance = rng.random()
    if chance < 0.4:
        return made.swapped(int(rng.choice(made.polar)))
    return made.affirmed() if chance < 0.5 else made


def examples(count: int, seed: int = FIRST_SEED) -> list[Example]:
    """`count` edited reviews of templates for training; what the encoder and the bags of words learn from alike."""
    rng = np.random.default_rng(seed)
    return [Example.of(edited(rng, made)) for made in sentences(count, seed, "train")]


def held_out(count: int, seed: int = HELD_OUT_SEED) -> list[Example]:
    """`count` reviews of templates that training never sees, as they are."""
    return [Example.of(made) for made in sentences(count, seed, "held-out")]


def unreadable(rng: np.random.Generator, text: str) -> str:
    """A text in which some words that decide nothing (`SILENT`) are masked, or replaced by words that do not exist."""
    share = rng.uniform(0, 0.4)
    words = []
    for word in text.split(" "):
        bare = word.strip(".,;!")
        if bare.lower() in SILENT and rng.random() < share:
            instead = _invented(rng) if rng.random() < 0.4 else " ".join([MASK] * int(rng.integers(1, 4)))
            word = word.replace(bare, instead)
        words.append(word)
    return " ".join(words)


def _invented(rng: np.random.Generator) -> str:
    return "".join(rng.choice(list(ascii_lowercase), int(rng.integers(2, 9))))


def lengthened(rng: np.random.Generator, text: str, fillers: int) -> str:
    """A text between sentences that judge nothing, `fillers` of them; with 0 as it is."""
    if not fillers:
        return text
    said = [NEUTRAL[i] for i in rng.integers(0, len(NEUTRAL), fillers)]
    said = [one[0].upper() + one[1:] + "." for one in said]
    before = int(rng.integers(fillers + 1))
    end = "" if text[-1] in ".!" else "."
    return " ".join([*said[:before], text + end, *said[before:]])


def positions(rng: np.random.Generator, shape: tuple[int, int], longest: int, late: float) -> NDArray[np.int64]:
    """(texts, length) positions below `longest`: the class token at 0, a share `late` of the texts anywhere behind."""
    count, length = shape
    begin = rng.integers(0, longest - length + 1, count) * (rng.random(count) < late)
    found = np.arange(length) + begin[:, None]
    found[:, 0] = 0
    return found
