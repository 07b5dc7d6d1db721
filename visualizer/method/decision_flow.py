"""Decision flow: weight x value x positive gradient, block by block."""

import numpy as np

from visualizer.measures import undefined
from visualizer.method.base import Knob, Knobs, Map, Method
from visualizer.method.parts import of_parts, ordinary, span_of
from visualizer.method.question import Question
from visualizer.method.rollout import START_LAYER
from vit_attention.records import AttentionRecord

EFFECTS = Knob(
    "effects",
    "positive",
    "Effects",
    "Features that raise the target's score alone, as for classifiers; or all with their sign, as the authors do without classes.",
    choices=("positive", "all"),
)
BLOCKS = Knob(
    "blocks",
    "raw",
    "Each block",
    "Its map as it is, or first stretched to run from 0 to 1, as in the authors' code, so that all blocks count the same.",
    choices=("raw", "stretched"),
)


def decision_flow(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """The sum over layers of the positive part of the run's rows."""
    kept = np.maximum(np.asarray(record.signals["decision-flow"], np.float64), 0)
    layers, told = span_of(len(kept), question, knobs["start_layer"])
    blocks, unit = kept[list(layers)], "weight x value x gradient"
    if knobs["blocks"] == "stretched":
        inner = blocks[:, ordinary(next(iter(question.maps(record).values())).key)]
        low, high = inner.min(axis=1, keepdims=True), inner.max(axis=1, keepdims=True)
        blocks, unit = np.nan_to_num(undefined.ratio(blocks - low, high - low)), "sum of blocks, each from 0 to 1"
    words = f"decision flow, sum of {told}, for {record.prediction.asked_words}"
    return of_parts(record, blocks.sum(axis=0), words, unit, layer=layers[-1])


METHOD = Method(
    decision_flow,
    meaning="What every token put into the features that raise the target's score, block by block, summed over all layers or up to the chosen "
    "one: weight x value x gradient, positive parts. The query is the token that the score is read off; all together where a "
    "head averages or pools them.",
    source="Liao, Gao & Zhang 2025 (Dynamic Accumulated Attention Map), arXiv:2503.14640, section 3",
    knobs=(START_LAYER, BLOCKS),
    signals=frozenset({"target"}),
    run=(EFFECTS,),
    layers="through",
    asked_by="nobody",
    place=68,
)
