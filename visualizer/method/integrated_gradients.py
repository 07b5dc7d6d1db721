"""Integrated gradients: what every patch or word contributes to a score, compared with that of an input that shows nothing."""

import numpy as np

from visualizer.method.base import Knob, Knobs, Map, Method
from visualizer.method.parts import of_parts, score_unit, score_words
from visualizer.method.question import Question
from vit_attention.records import AttentionRecord

STEPS = Knob(
    "steps",
    32,
    "Steps",
    "Gradients between baseline and input; more steps miss less of the difference and take longer.",
    low=1,
    high=10_000,
)
BASELINE = Knob(
    "baseline",
    "zero",
    "Baseline",
    "0 of prepared pixels or word embeddings; or a blank: the picture's mean colour, in texts the mask token.",
    choices=("zero", "blank"),
)


def integrated_gradients(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """The run's contributions; the words tell what they add up to, and how much of the difference they miss."""
    values, (before, after) = record.signals["integrated-gradients"]
    difference = float(after) - float(before)
    missing = difference - float(np.sum(values, dtype=np.float64))
    share = f" ({abs(missing / difference):.1%})" if difference else ""
    words = (
        f"contributions to {score_words(record)}: {after:.3g} instead of {before:.3g} for the {knobs['baseline']} baseline; "
        f"of the difference {abs(missing):.2g}{share} is missing"
    )
    return of_parts(record, values, words, f"contribution to the {score_unit(record)}", signed=True)


METHOD = Method(
    integrated_gradients,
    meaning="What every patch or word contributes to the difference between the raw score of one class, or a similarity, and "
    "that of a baseline that shows nothing.",
    source="Sundararajan et al. 2017, arXiv:1703.01365, equations 1 and 3",
    signals=frozenset({"target"}),
    run=(STEPS, BASELINE),
    passes=lambda knobs, grid: 3 * int(knobs["steps"]),  # a gradient takes about two more
    layers="all",
    asked_by="nobody",
    place=71,
)
