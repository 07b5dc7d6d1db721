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
    if start >= len(stages) - 1:
        raise QuestionError("start_layer", f"want a whole number from 0 to {len(stages) - 2}, got {start}")
    one, said = list(Question().maps(record).values())[-1], record.prediction
    sums = [f"{total:.2f}" for total in stages.sum(axis=1)]
    score = f" of the score {said.scores[said.target]:.2f}" if isinstance(said.target, int) else ""
    words = (
        f"{name} of the tokens that enter layer {start + 1} for {said.asked_words}: they account for {sums[start]}{score} "
        f"(those behind layers 1 to {len(sums) - 1}: {', '.join(sums[1:])})"
    )
    return answer(record, one, Askers((), ""), stages[start], words, "relevance", one.layer, signed=True)


METHOD = Method(
    partial(relevance, name="AttnLRP"),
    meaning="The share of every token in the target's score, for and against it, handed back layer by layer down to those that enter the start layer; biases keep their share.",
    source="Achtibat et al. 2024, arXiv:2402.05602, equations 7 to 9, propositions 3.1 to 3.4",
    title="AttnLRP",
    knobs=(START_LAYER,),
    signals=frozenset({"target"}),
    plain_run=True,
    layers="all",
    asked_by="nobody",
    place=66,
)
