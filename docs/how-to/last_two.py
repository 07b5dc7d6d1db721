"""The product of the last two layers: what their two steps together bring to the asking token."""

from visualizer.method.base import SHARE, Knobs, Map, Method, answer
from visualizer.method.question import Question, askers
from vit_attention.records import AttentionRecord


def last_two(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """Heads are averaged; layers are read as (heads, tokens, tokens) from ``record.layers``."""
    before, last = (layer.mean(axis=0) for layer in record.layers[-2:])
    one = record.maps[-1]
    who = askers(one.query, question.query)
    row = who.together((last @ before)[list(who.rows)])
    return answer(record, one, who, row, "the last two layers multiplied", SHARE, one.layer)


METHOD = Method(last_two, meaning="The last two layers multiplied, heads averaged.", layers="all")
