"""Masking: how much a class's score falls when a word of the text cannot be read."""

from visualizer.method.base import Knob, Knobs, Map, Method
from visualizer.method.parts import of_parts, score_words
from visualizer.method.question import Question
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
    words = f"fall of {score_words(record)} when a {knobs['unit']} is hidden"
    return of_parts(record, record.signals["masking"], words, "raw score", signed=True)


METHOD = Method(
    masking,
    meaning="How much the raw score of one class falls when a word of the text is hidden; no weight is used.",
    source="Zeiler & Fergus 2014, arXiv:1311.2901, section 4.2, for words; Li et al. 2016, arXiv:1612.08220",
    signals=frozenset({"target"}),
    run=(UNIT, HIDE),
    layers="all",
    changes="text",
    asked_by="nobody",
    place=82,
)
