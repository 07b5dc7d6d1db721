"""Generic relevance: what the class token used for one class, through all layers."""

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from visualizer.measures import rollout
from visualizer.method.base import Knobs, Map, Method, answer
from visualizer.method.question import Askers, Question
from visualizer.method.rollout import START_LAYER, from_start
from vit_attention.records import AttentionRecord


def relevance(
    record: AttentionRecord,
    question: Question,
    knobs: Knobs,
    rule: Callable[..., NDArray[Any]] = rollout.relevance,
    name: str = "relevance",
    unit: str = "relevance",
) -> Map:
    """R becomes R + mean over heads of max(weights x gradient, 0) times R, first layer to last.

    Args:
        rule: from layers and gradients to the class token's row; of another method, with its name and unit.
    """
    numbers, maps = from_start(record, question.product(record), knobs["start_layer"])
    said = record.prediction
    assert said.target is not None, "a record with gradients has a target"
    row = rule([one.weights for one in maps], [one.gradient for one in maps])
    words = f"{name} from layer {numbers[0] + 1} for the class {said.labels[said.target]}"
    return answer(record, maps[-1], Askers((0,), "the class token"), row, words, unit, numbers[-1])


METHOD = Method(
    relevance,
    meaning="Weights times their effect on one class's score, through all layers. The query is always the class token.",
    source="Chefer et al. 2021, arXiv:2103.15679, equations 5 and 6",
    knobs=(START_LAYER,),
    signals=frozenset({"gradients"}),
    layers="all",
    asked_by="class",
    place=60,
)
