"""Attention rollout: all layers multiplied."""

from typing import Any

from visualizer.measures.rollout import class_rollout
from visualizer.measures.steps import HEAD_FUSIONS
from visualizer.method.base import SHARE, Knob, Knobs, Map, Method, answer
from visualizer.method.question import Maps, Question, QuestionError, askers, numbered
from visualizer.method.stored import layer_of
from vit_attention.records import AttentionMap, AttentionRecord

HEAD_FUSION = Knob(
    "head_fusion",
    "mean",
    "Head fusion",
    "How the heads of a layer become one matrix. After max or min each row is divided by its sum.",
    short="fusion",
    choices=HEAD_FUSIONS,
)
RESIDUAL = Knob(
    "residual",
    0.5,
    "Residual share r",
    "Share of the skip connection, r = α / (1 + α). The usual α = 1 is r = 0.5.",
    high=1,
    step=0.05,
)
DISCARD_RATIO = Knob(
    "discard_ratio",
    0.0,
    "Discard ratio",
    "Share of the smallest entries of each row set to zero, special tokens excepted; rows are rescaled.",
    short="discard",
    high=1,
    below=True,
    step=0.05,
)
START_LAYER = Knob(
    "start_layer",
    0,
    "Start layer",
    "First layer of a method through depth; the lowest is nearest the picture.",
    short="start",
)


def from_start(record: AttentionRecord, chain: Maps, start: int) -> tuple[list[int], list[AttentionMap]]:
    """Numbers and maps of a chain from its layer `start` up.

    Raises:
        QuestionError: the chain ends before that layer.
    """
    if start >= len(chain):
        ends = " (the chosen layer)" if len(chain) < len(numbered(record)) else ""
        raise QuestionError("start_layer", f"want a whole number from 0 to {len(chain) - 1}{ends}, got {start}")
    return list(chain)[start:], list(chain.values())[start:]


def rollout(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """The asking token's row of the product from the start layer to the layer asked for, or to the last."""
    fusion = knobs["head_fusion"]
    numbers, maps = from_start(record, question.product(record, (fusion,)), knobs["start_layer"])
    axis, layers = maps[-1].query, [layer_of(record, one, fusion) for one in maps]
    recipe: dict[str, Any] = {**knobs, "start_layer": 0, "prefix": axis.prefix}
    who = askers(axis, question.query)
    row = class_rollout(layers, query=who.shares_of(len(axis)), **recipe)
    ends = "to the last" if question.layer is None else f"up to layer {numbers[-1] + 1}"
    words = (
        f"rollout from layer {numbers[0] + 1} {ends}, {knobs['head_fusion']} of heads, "
        f"residual share {knobs['residual']:g}, discard {knobs['discard_ratio']:.0%}"
    )
    return answer(record, maps[-1], who, row, words, SHARE, numbers[-1])


METHOD = Method(
    rollout,
    meaning="All layers multiplied: the share of every patch in the query token after the last layer, by this rule.",
    source="Abnar & Zuidema 2020, arXiv:2005.00928, section 3",
    knobs=(HEAD_FUSION, RESIDUAL, DISCARD_RATIO, START_LAYER),
    layers="through",
    place=40,
)
