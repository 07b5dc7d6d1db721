"""How long the token of every patch is after a layer."""

from visualizer.measures.outliers import outliers
from visualizer.method.base import Knobs, Map, Method, answer
from visualizer.method.question import Askers, Question, QuestionError
from vit_attention.records import AttentionRecord


def lengths(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """Euclidean length of every token after the layer, and how many are outliers by `outliers`."""
    layer, one = question.map(record)
    last = len(record.norms) - 1  # behind the blocks may lie a pool, which leaves no tokens
    if question.layer is not None and layer > last:
        raise QuestionError("layer", f"want a number from 0 to {last}, after which tokens have lengths, got {layer}")
    layer = min(layer, last)
    row = record.norms[layer]
    found = outliers(row, one.key.prefix)
    told = f"outliers: {found.tokens.sum()}" + f", {found.times:.1f} times as long as the rest" * (not found.clean)
    return answer(
        record, one, Askers((), ""), row, f"length of the tokens after layer {layer + 1}; {told}", "length", layer
    )


METHOD = Method(
    lengths,
    meaning="How long the token of every patch is after the chosen layer; patches of outlier length may be sinks.",
    source="Darcet et al. 2023, arXiv:2309.16588, section 2",
    title="length of tokens",
    asked_by="nobody",
    norms=True,
    place=94,
)
