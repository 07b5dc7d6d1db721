"""The weights of one layer as the model used them."""

from visualizer.method.base import SHARE, Knobs, Map, Method, answer
from visualizer.method.question import Question, askers, head_words
from visualizer.method.stored import head_rows
from vit_attention.records import AttentionRecord


def raw(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """One head of a layer, or the mean of its heads."""
    layer, one = question.map(record)
    who = askers(one.query, question.query)
    row = who.together(head_rows(record, one, who.rows, question.head))
    words = f"layer {layer + 1}, {head_words(question.head)}"
    return answer(record, one, who, row, words, SHARE, layer, weights=one.weights[None])


METHOD = Method(
    raw,
    meaning="The weights of the chosen layer and head as the model used them, or the mean over its heads.",
    source="Dosovitskiy et al. 2021, arXiv:2010.11929, equation 7 of appendix A",
    title="one layer",
    heads=True,
    place=10,
)
