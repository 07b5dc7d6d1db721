"""One layer with its heads made one."""

from visualizer.measures.rollout import fuse
from visualizer.method.base import SHARE, Knobs, Map, Method, answer
from visualizer.method.question import Question, askers
from visualizer.method.rollout import HEAD_FUSION
from visualizer.method.stored import rows_of
from vit_attention.records import AttentionRecord


def fused(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """The mean, maximum or minimum over the heads of a layer."""
    layer, one = question.map(record)
    who, fusion = askers(one.query, question.query), knobs["head_fusion"]
    row = who.together(fuse(rows_of(record, one, who.rows, fusion), fusion))
    unit = SHARE if fusion == "mean" else f"{fusion} weight of any head"
    words = f"layer {layer + 1}, {fusion} of all heads"
    return answer(record, one, who, row, words, unit, layer, weights=one.weights[None])


METHOD = Method(
    fused,
    meaning="The heads of the chosen layer fused into one map. Rows of a maximum or minimum no longer sum to 1.",
    source="head fusion as in rollout code for vision transformers; the mean is Abnar & Zuidema 2020, arXiv:2005.00928",
    knobs=(HEAD_FUSION,),
    title="heads of one layer",
    place=20,
)
