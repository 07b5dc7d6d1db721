"""Masking: how much a class's score falls when a word of the text cannot be read."""

import numpy as np

from visualizer.method.base import Knob, Knobs, Map, Method, answer
from visualizer.method.question import Askers, Question
from vit_attention.records import AttentionRecord

UNIT = Knob("unit", "word", "Hidden at a time", "A whole word, or one of its tokens.", choices=("word", "token"))
HIDE = Knob(
    "hide",
    "mask",
    "Hidden by",
    "The model's own mask token in its place, or no token may look at it.",
    choices=("mask", "leave out"),
)


def masking(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """The run's falls of the target's score; special tokens are left out (NaN)."""
    one = list(Question().maps(record).values())[-1]
    row = np.asarray(record.signals["masking"], np.float64).copy()
    row[[word < 0 for word in one.key.words]] = np.nan
    words = f"fall of the score of {record.prediction.asked} when a {knobs['unit']} is hidden"
    return answer(record, one, Askers((), ""), row, words, "raw score", one.layer, signed=True)


METHOD = Method(
    masking,
    meaning="How much the raw score of one class falls when a word of the text is hidden; no weight is used.",
    source="Zeiler & Fergus 2014, arXiv:1311.2901, section 4.2, for words; Li et al. 2016, arXiv:1612.08220",
    signals=frozenset({"target"}),
    run=(UNIT, HIDE),
    layers="all",
    asked_by="nobody",
    on_text=True,
    place=82,
)
