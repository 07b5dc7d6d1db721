"""Attention flow: how much can flow to every input token at most."""

import numpy as np

from visualizer.measures.flow import MAX_EDGES, attention_flow
from visualizer.method.base import Knobs, Map, Method, answer
from visualizer.method.question import Question, askers
from visualizer.method.rollout import HEAD_FUSION, RESIDUAL, START_LAYER, from_start
from visualizer.method.stored import layer_of
from vit_attention.records import AttentionRecord

SATURATED = 1 - 1e-6
"""From where a flow counts as 1: capacities are rounded down."""


def flow(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """The maximum flow from the asking token to each input token, from the layer asked for down to the start layer."""
    fusion = knobs["head_fusion"]
    numbers, maps = from_start(record, question.product(record, (fusion,)), knobs["start_layer"])
    axis, layers = maps[-1].query, [layer_of(record, one, fusion) for one in maps]
    who = askers(axis, question.query)
    query = who.rows[0] if len(who.rows) == 1 else who.shares_of(len(axis))
    row = attention_flow(layers, knobs["residual"], fusion, query)
    full = int(np.count_nonzero(row[axis.prefix :] >= SATURATED))
    words = (
        f"attention flow from layer {numbers[0] + 1} to layer {numbers[-1] + 1}, {fusion} of heads, residual share "
        f"{knobs['residual']:g} ({full} of {len(axis) - axis.prefix} tie at 1.0, the most there can be: compare values, not ranks)"
    )
    return answer(record, maps[-1], who, row, words, "largest flow", numbers[-1])


METHOD = Method(
    flow,
    meaning="Every weight, skip connection included, is the capacity of a pipe: the largest flow from the query token to each patch. "
    "Many may tie at 1, all that leaves the query: compare values, not ranks.",
    source="Abnar & Zuidema 2020, arXiv:2005.00928, section 3",
    title="attention flow",
    knobs=(HEAD_FUSION, RESIDUAL, START_LAYER),
    layers="through",
    most=MAX_EDGES,
    place=48,
)
