"""Occlusion: how much a class's score, or a similarity, falls when a window of patches is covered."""

import numpy as np

from visualizer.method.base import Knob, Knobs, Map, Method, answer
from visualizer.method.question import Askers, Question
from vit_attention.records import AttentionRecord, Similar

WINDOW = Knob("window", 1, "Window", "Side of the covered square in patches.", low=1)
STRIDE = Knob("stride", 1, "Stride", "Steps between covered squares in patches.", low=1)
FILL = Knob(
    "fill", "mean", "Filled with", "The picture's mean colour, or 0 of the prepared pixels.", choices=("mean", "zero")
)


def occlusion(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """The run's falls of the target's score, one a patch: the mean over all windows that cover it."""
    one = list(Question().maps(record).values())[-1]
    said = record.prediction
    similar = isinstance(said.target, Similar)
    row = np.full(len(one.key), np.nan)
    row[one.key.prefix :] = np.asarray(record.signals["occlusion"]).ravel()
    words = f"fall of {said.asked_words if similar else f'the score of {said.asked}'} when covered"
    unit = "cosine similarity" if similar else "raw score"
    return answer(record, one, Askers((), ""), row, words, unit, one.layer, signed=True)


def windows(knobs: Knobs, grid: tuple[int, int]) -> int:
    """How many squares cover a grid of (rows, columns); the last of a row ends at the edge.

    >>> [windows({"window": n, "stride": n}, (14, 14)) for n in (1, 2, 4)]
    [196, 49, 16]
    """
    side, step = int(knobs["window"]), int(knobs["stride"])
    rows, columns = (max(0, -(-(length - side) // step)) + 1 for length in grid)
    return rows * columns


METHOD = Method(
    occlusion,
    meaning="How much the raw score of one class, or a similarity, falls when a square of patches is covered; no weight is used.",
    source="Zeiler & Fergus 2014, arXiv:1311.2901, section 4.2",
    signals=frozenset({"target"}),
    run=(WINDOW, STRIDE, FILL),
    layers="all",
    changes="picture",
    passes=windows,
    asked_by="nobody",
    place=80,
)
