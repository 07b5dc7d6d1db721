"""How far every token moves when one patch is painted over."""

import numpy as np

from visualizer.method.base import Knob, Knobs, Map, Method, answer
from visualizer.method.question import Question, askers
from vit_attention.records import AttentionRecord

PATCH = Knob("patch", (0, 0), "Patch painted over", "Row and column of the patch, from 0.")


def painted(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """The run's distances after one layer, as a share of each token's length; special tokens are left out (NaN)."""
    layer, one = question.map(record)
    who, axis = askers(one.query, question.query), one.query
    row = np.asarray(record.signals["painted"][layer + 1], np.float64).copy()
    row[: axis.prefix] = np.nan
    words = f"moved after layer {layer + 1} by painting over"
    return answer(record, one, who, row, words, "share of the token's length", layer)


METHOD = Method(
    painted,
    meaning="How far every token has moved after the chosen layer when the query patch is painted over.",
    run=(PATCH,),
    asked_by="patch",
    place=92,
)
