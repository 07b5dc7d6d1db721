"""How much attention every token receives from all others in one layer."""

from visualizer.measures import sinks
from visualizer.method.base import Knobs, Map, Method, answer
from visualizer.method.question import Askers, Question, head_words, one_head, weights_of
from vit_attention.records import AttentionRecord


def received(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """Mean of every column without the token's own row, times the number of tokens."""
    layer, one = question.map(record)
    square = one_head(one, weights_of(one, range(len(one.query))), question.head)
    row = sinks.received(square) * len(one.key)
    words = f"attention received from all other tokens, layer {layer + 1}, {head_words(question.head)}"
    return answer(record, one, Askers((), ""), row, words, "times an even share", layer, weights=one.weights[None])


METHOD = Method(
    received,
    meaning="How much attention every token receives from all others, in multiples of an even share; a sink stands out.",
    source="Gu et al. 2025, arXiv:2410.10781, section 3.2",
    title="attention received",
    heads=True,
    asked_by="nobody",
    place=93,
)
