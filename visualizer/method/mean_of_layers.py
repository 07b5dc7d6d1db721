"""The mean of the weights of several layers."""

import numpy as np

from visualizer.method.base import SHARE, Knobs, Map, Method, answer
from visualizer.method.question import Question, askers, head_words, span
from visualizer.method.rollout import START_LAYER, from_start
from visualizer.method.stored import head_rows
from vit_attention.records import AttentionRecord


def mean_of_layers(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """From the start layer to the layer asked for; how layers mix tokens is ignored."""
    numbers, maps = from_start(record, question.chain(record), knobs["start_layer"])
    who = askers(maps[-1].query, question.query)
    heads = [who.together(head_rows(record, one, who.rows, question.head)) for one in maps]
    there = [n + 1 for n in numbers]
    gaps = len(there) <= there[-1] - there[0]
    layers = span(there) if gaps else f"{there[0]} to {there[-1]}"
    words = f"mean of layers {layers}, {head_words(question.head)}"
    return answer(record, maps[-1], who, np.stack(heads).mean(axis=0), words, SHARE, numbers[-1])


METHOD = Method(
    mean_of_layers,
    meaning="The mean of the weights from the start layer to the chosen layer; how layers mix tokens is ignored.",
    knobs=(START_LAYER,),
    heads=True,
    layers="until",
    place=30,
)
