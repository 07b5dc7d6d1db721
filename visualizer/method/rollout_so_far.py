"""Rollout stopped at the chosen layer, for menus of pages that have one chosen."""

from __future__ import annotations

from visualizer.method import rollout
from visualizer.method.base import Knobs, Map, Method
from visualizer.method.question import Question
from vit_attention.records import AttentionRecord


def rollout_so_far(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """`rollout` up to the layer asked for."""
    return rollout.rollout(record, question, knobs)


METHOD = Method(
    rollout_so_far,
    meaning="The same product, stopped at the chosen layer.",
    source=rollout.METHOD.source,
    knobs=rollout.METHOD.knobs,
    layers="until",
    place=50,
)
