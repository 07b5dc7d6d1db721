"""Generic relevance: what a token used for one class or one similarity, through all layers."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visualizer.measures import rollout
from visualizer.measures.decoded import Pair, decoded_relevance
from visualizer.method.base import Knobs, Map, Method, answer
from visualizer.method.decoded import decoded
from visualizer.method.question import Askers, Question, name
from visualizer.method.rollout import START_LAYER, from_start
from visualizer.method.said import scored_row
from vit_attention.records import AttentionMap, AttentionRecord, Similar


def relevance(
    record: AttentionRecord,
    question: Question,
    knobs: Knobs,
    rule: Callable[..., NDArray[Any]] = rollout.relevance,
    called: str = "relevance",
    unit: str = "relevance",
) -> Map:
    """R becomes R + mean over heads of max(weights x gradient, 0) times R, from the first layer to the one asked for.

    Args:
        rule: from layers, gradients and the number of the token that the target reads to that token's row; of another method, with
            its name and unit.
    """
    if record.prediction.tokens:
        return _of_token(record, question, knobs)
    numbers, maps = from_start(record, question.product(record), knobs["start_layer"])
    said = record.prediction
    similar = said.target if isinstance(said.target, Similar) else None
    axis = maps[-1].query
    row = (scored_row(record, axis) or 0) if similar is None else similar.row(axis)
    asking = name(axis, row) if axis.kind == "text" else "the class token"
    who = Askers((row,), asking if similar is None else "")
    found = rule([one.weights for one in maps], [one.gradient for one in maps], query=row)
    ends = "" if question.layer is None else f" up to layer {numbers[-1] + 1}"
    words = f"{called} from layer {numbers[0] + 1}{ends} for {said.asked_words}"
    return answer(record, maps[-1], who, found, words, unit, numbers[-1])


def _of_token(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """What the token that the record is about was made from: cells of a page, or regions of a picture."""
    chain, own = decoded(record, question.layer)
    numbers, maps = from_start(record, chain, knobs["start_layer"])
    cross = {n: one for n, one in zip(numbers, maps, strict=True) if one.kind == "cross"}
    last, target = maps[-1], record.prediction.target
    assert isinstance(target, int | np.integer), "a record of tokens with gradients is about one of them"
    row = decoded_relevance(
        [_pair(one) for one in cross.values()],
        [_pair(own[n]) for n in cross if own],
        [_pair(one) for one in maps if one.kind == "self"],
        last.query.prefix + int(target),
    )
    ends = "" if question.layer is None else f" up to layer {numbers[-1] + 1}"
    words = f"relevance from layer {numbers[0] + 1}{ends} for {record.prediction.asked_words}"
    return answer(record, last, Askers((last.query.prefix + int(target),), ""), row, words, "relevance", numbers[-1])


def _pair(one: AttentionMap) -> Pair:
    assert one.gradient is not None, "what has gradients has them in every layer"
    return one.single, one.gradient


METHOD = Method(
    relevance,
    meaning="Weights times their effect on the target's score, through all layers or up to the chosen one. The query is the class token; with a "
    "similarity as the target, the token that it is about. The target of a reader or captioner is a token that it said.",
    source="Chefer et al. 2021, arXiv:2103.15679, equations 5 and 6; with a decoder 5 to 11",
    knobs=(START_LAYER,),
    signals=frozenset({"gradients"}),
    layers="through",
    asked_by="class",
    spoken=True,
    place=60,
)
