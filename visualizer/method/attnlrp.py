"""AttnLRP and CP-LRP: the share of every token in the target's score."""

from functools import partial

import numpy as np

from visualizer.method.base import Knobs, Map, Method, answer
from visualizer.method.question import Askers, Question, QuestionError
from visualizer.method.rollout import START_LAYER
from vit_attention.records import AttentionRecord


def relevance(record: AttentionRecord, question: Question, knobs: Knobs, name: str) -> Map:
    """The run's relevance of the tokens that enter the start layer, special ones among them; and what every layer accounts for."""
    stages, start = np.asarray(record.signals[name.lower()], np.float64), knobs["start_layer"]
    last = max(len(stages) - 2, 0)
    if start > last:
        raise QuestionError("start_layer", f"want a whole number from 0 to {last}, got {start}")
    said, sums = record.prediction, [f"{total:.2f}" for total in stages.sum(axis=1)]
    one = [one for one in Question().maps(record).values() if one.key.kind != "text" or not said.tokens][-1]
    score = f" of the score {said.scores[said.target]:.2f}" if said.labels and isinstance(said.target, int) else ""
    which = f"tokens that enter layer {start + 1}" if sums[1:] else "cells that the decoder reads"
    behind = f" (those behind layers 1 to {len(sums) - 1}: {', '.join(sums[1:])})" if sums[1:] else ""
    words = f"{name} of the {which} for {said.asked_words}: they account for {sums[start]}{score}{behind}"
    return answer(record, one, Askers((), ""), stages[start], words, "relevance", one.layer, signed=True)


METHOD = Method(
    partial(relevance, name="AttnLRP"),
    meaning="The share of every token in the target's score, for and against it, handed back layer by layer down to those that enter "
    "the start layer; biases keep their share. For a reader: of every cell of the page in the score of one token that it said.",
    source="Achtibat et al. 2024, arXiv:2402.05602, equations 7 to 9, propositions 3.1 to 3.4",
    title="AttnLRP",
    knobs=(START_LAYER,),
    signals=frozenset({"target"}),
    plain_run=True,
    layers="all",
    asked_by="nobody",
    spoken=True,
    place=64,
)
