"""Generic relevance: what the class token used for one class, through all layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from visualizer.measures import rollout as through_depth
from visualizer.method.base import Knobs, Map, Method, answer
from visualizer.method.question import Askers, Question
from visualizer.method.rollout import START_LAYER, from_start
from vit_attention.records import AttentionRecord


def of_class(record: AttentionRecord, start: int, rule: Callable[..., NDArray[Any]], name: str, unit: str) -> Map:
    """The class token's row of a product of weights and their gradients, for the class that the record was made for."""
    numbers, maps = from_start(Question().product(record), start)
    said = record.prediction
    assert said.target is not None, "a record with gradients has a target"
    row = rule([one.weights for one in maps], [one.gradient for one in maps])
    words = f"{name} from layer {numbers[0] + 1} for the class {said.labels[said.target]}"
    return answer(record, maps[-1], Askers((0,), "the class token"), row, words, unit, numbers[-1])


def relevance(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """R becomes R + mean over heads of max(weights x gradient, 0) times R, first layer to last."""
    return of_class(record, knobs["start_layer"], through_depth.relevance, "relevance", "relevance")


METHOD = Method(
    relevance,
    meaning="Weights times their effect on one class's score, through all layers. The class token asks, whoever asks elsewhere.",
    source="Chefer et al. 2021, arXiv:2103.15679, equations 5 and 6",
    knobs=(START_LAYER,),
    signals=frozenset({"gradients"}),
    layers="all",
    asked_by="class",
    place=60,
)
