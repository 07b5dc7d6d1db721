"""Generic relevance: what a token used for one class or one similarity, through all layers."""

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from visualizer.measures import rollout
from visualizer.method.base import Knobs, Map, Method, answer
from visualizer.method.question import Askers, Question, name
from visualizer.method.rollout import START_LAYER, from_start
from visualizer.method.said import class_row
from vit_attention.records import AttentionRecord, Similar


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
    numbers, maps = from_start(record, question.product(record), knobs["start_layer"])
    said = record.prediction
    similar = said.target if isinstance(said.target, Similar) else None
    axis = maps[-1].query
    row = (class_row(axis) or 0) if similar is None else similar.row(axis)
    asking = name(axis, row) if axis.kind == "text" else "the class token"
    who = Askers((row,), asking if similar is None else "")
    found = rule([one.weights for one in maps], [one.gradient for one in maps], query=row)
    ends = "" if question.layer is None else f" up to layer {numbers[-1] + 1}"
    words = f"{called} from layer {numbers[0] + 1}{ends} for {said.asked_words}"
    return answer(record, maps[-1], who, found, words, unit, numbers[-1])


METHOD = Method(
    relevance,
    meaning="Weights times their effect on one class's score, through all layers or up to the chosen one. The query is the class token; with a "
    "similarity as the target, the token that it is about.",
    source="Chefer et al. 2021, arXiv:2103.15679, equations 5 and 6",
    knobs=(START_LAYER,),
    signals=frozenset({"gradients"}),
    layers="through",
    asked_by="class",
    place=60,
)
