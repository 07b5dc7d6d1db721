"""Gradient rollout: rollout of weights times gradients."""

from __future__ import annotations

from visualizer.measures import rollout as through_depth
from visualizer.method.base import Knobs, Map, Method
from visualizer.method.question import Question
from visualizer.method.relevance import of_class
from visualizer.method.rollout import START_LAYER
from vit_attention.records import AttentionRecord


def gradient_rollout(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """A is the positive part of the heads' mean of weights x gradient; (A + I) / 2, rows to 1, multiplied."""
    rule = through_depth.gradient_rollout
    return of_class(record, knobs["start_layer"], rule, "gradient rollout", "share of weight x gradient")


METHOD = Method(
    gradient_rollout,
    meaning="Rollout with each layer's weights times their effect on one class's score. The class token asks, whoever asks elsewhere.",
    source="Gildenblat 2020, “Exploring explainability for vision transformers”; rollout as in arXiv:2005.00928, section 3",
    knobs=(START_LAYER,),
    signals=frozenset({"gradients"}),
    layers="all",
    asked_by="class",
    place=70,
)
