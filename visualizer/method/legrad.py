"""LeGrad: the gradient of every block's own score by its weights."""

import numpy as np

from visualizer.method.base import Knob, Knobs, Map, Method
from visualizer.method.parts import of_parts, span_of
from visualizer.method.question import Question
from visualizer.method.rollout import START_LAYER
from vit_attention.records import AttentionRecord

POOL = Knob(
    "pool",
    "head",
    "Score of a block",
    "Its tokens go the way of the last block's, or their mean does, as in the authors' code for CLIP.",
    choices=("head", "mean"),
)


def legrad(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """The mean over layers of the run's rows."""
    kept = np.asarray(record.signals["legrad"], np.float64)
    layers, told = span_of(len(kept), question, knobs["start_layer"])
    words = f"LeGrad, mean of {told}, for {record.prediction.asked_words}"
    return of_parts(record, kept[list(layers)].mean(axis=0), words, "mean positive gradient", layer=layers[-1])


METHOD = Method(
    legrad,
    meaning="How much the target's score would rise with more weight on a token if the block were the last one: the mean of all layers, or of "
    "those up to the chosen one. The weights themselves do not count.",
    source="Bousselham et al. 2024 (LeGrad), arXiv:2404.03214, equations 5 to 9, without the final stretch to 0 and 1",
    title="LeGrad",
    knobs=(START_LAYER,),
    signals=frozenset({"target"}),
    run=(POOL,),
    layers="through",
    asked_by="nobody",
    place=67,
)
