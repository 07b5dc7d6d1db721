"""Logit lens: what every token is read as after a layer, by the network's own head."""

import numpy as np
from numpy.typing import NDArray

from visualizer.method.base import Knob, Knobs, Map, Method
from visualizer.method.labels import COLOURS, coloured
from visualizer.method.parts import of_parts, span_of
from visualizer.method.question import Question, QuestionError
from vit_attention.records import AttentionRecord

PARTS = {"score": "raw score", "probability": "probability", "rank": "rank, 1 first"}
READ = Knob(
    "read",
    "score",
    "Read off",
    "The raw score of the class, its probability among all, or its rank, 1 first; or, for every patch, the winner: the class with the "
    "highest score, brighter the higher its probability.",
    choices=(*PARTS, "winner"),
)


def logit_lens(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """What the run read off the tokens that leave one layer."""
    kept = np.asarray(record.signals["logit-lens"], np.float64)
    layer = span_of(len(kept) - 1, question, 0)[0][-1]
    numbers, similar = kept[layer + 1], kept.shape[1] == 1
    if similar and knobs["read"] != "score":
        raise QuestionError("read", f"want score for a similarity, got {knobs['read']}")
    told = f"each token after layer {layer + 1} by itself through the final norm"
    if knobs["read"] == "winner":
        return _winners(record, numbers[3].astype(int), numbers[4], f"{told} and the head", layer)
    unit = "cosine similarity" if similar else PARTS[knobs["read"]]
    said = record.prediction.asked_words
    words = f"{told}, in the place of the token asked about in {said}"
    if not similar:
        words = f"{unit.split(',')[0]} of {said}: {told} and the head"
    row = numbers[list(PARTS).index(knobs["read"])]
    return of_parts(record, row, words, unit, signed=knobs["read"] == "score", layer=layer)


def _winners(
    record: AttentionRecord, winner: NDArray[np.int_], chance: NDArray[np.float64], told: str, layer: int
) -> Map:
    """The winner of every patch: those of most patches in a colour each, all others in the last."""
    found = of_parts(record, chance, f"class with the highest score: {told}", "probability of that class", layer=layer)
    if found.axis.kind != "patches":
        raise QuestionError("read", f"want one of {', '.join(PARTS)}, as no patches are read here, got winner")
    numbers, counts = np.unique(winner[found.axis.prefix :], return_counts=True)
    order = numbers[np.argsort(-counts, kind="stable")]
    few = order if len(order) <= len(COLOURS) else order[: len(COLOURS) - 1]
    names = [record.prediction.labels[number] for number in few] + ["other classes"] * (len(few) < len(order))
    places = {int(number): place for place, number in enumerate(few)}
    colours = np.array([places.get(int(number), len(few)) for number in winner])
    # Winners of special tokens alone have no colour, and need none.
    return coloured(found, np.minimum(colours, len(names) - 1), chance, names, "the brighter, the more probable")


METHOD = Method(
    logit_lens,
    meaning="What the network's own norm and head make of every token by itself after the chosen layer. A token is not its patch: it has "
    "taken in others; and no layer but the last was trained to be read so. For labels it is the naive similarity times the network's scale, plus its bias.",
    source="Vilas et al. 2023, arXiv:2310.18969, section 3; nostalgebraist 2020, “interpreting GPT: the logit lens”",
    title="logit lens",
    knobs=(READ,),
    signals=frozenset({"target"}),
    plain_run=True,
    asked_by="nobody",
    place=75,
)
