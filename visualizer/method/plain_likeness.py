"""How alike the tokens of patches are after a layer, the mean of all left in."""

from __future__ import annotations

from visualizer.method import likeness
from visualizer.method.base import Knobs, Map, Method
from visualizer.method.question import Question
from vit_attention.records import AttentionRecord


def plain_likeness(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """`likeness.alike` as the tokens are."""
    return likeness.alike(record, question, centred=False)


METHOD = Method(
    plain_likeness,
    meaning="How alike the tokens of patches are to the asking patch's after the chosen layer, the mean left in.",
    source=likeness.METHOD.source,
    signals=likeness.METHOD.signals,
    asked_by="patch",
    place=91,
)
