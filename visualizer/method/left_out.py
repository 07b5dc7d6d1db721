"""A map drawn without its sinks; what the model did is not changed."""

from dataclasses import replace

import numpy as np

from visualizer.measures.arguments import Keys
from visualizer.measures.sinks import sink_share, sink_tokens, without
from visualizer.method.base import SHARE, Map
from visualizer.method.question import Maps, QuestionError
from vit_attention.records import AttentionRecord


def left_out(found: Map, tokens: Keys, what: str = "token") -> Map:
    """The map with some tokens undefined (NaN) and the rest of its row rescaled to a sum of 1; its words say so.

    Args:
        found: a map of shares of attention.
        tokens: (tokens,) booleans, special tokens first, or the tokens' numbers.
        what: one of them in words, such as "sink".

    Raises:
        QuestionError: a map of anything else.
        ValueError: tokens that the map does not have.
    """
    _check(found, what)
    row = without(found.row, tokens)
    count = int(np.isnan(row).sum() - np.isnan(found.row).sum())
    if not count:
        return replace(found, words=f"{found.words}; no {what} found to leave out")
    share = float(sink_share(found.row, tokens))
    told = f"{count} {what}{'s' * (count > 1)} left out at display ({share:.1%} of the row), the rest rescaled to 100 %"
    return replace(found, row=row, words=f"{found.words}; {told}; the model was not changed")


def without_sinks(found: Map, record: AttentionRecord, maps: Maps) -> Map:
    """The map without the tokens that `visualizer.sink_tokens` finds in at least one of the layers behind it.

    Args:
        found: a map of shares of attention.
        record: what it was made from.
        maps: the layers behind it, by number.

    Raises:
        QuestionError: a map of anything else, or a layer of which the record kept only some rows.
    """
    _check(found, "sink")
    sinks = np.zeros(found.row.shape, dtype=bool)
    for number, one in maps.items():
        if one.queries is not None:
            raise QuestionError("sinks", f"want all rows of layer {number}, and this record kept {len(one.queries)}")
        known = 0 < number <= len(record.norms) and record.norms.shape[1] == len(one.key)
        norms = record.norms[number - 1] if known else None
        sinks |= sink_tokens(one.single, one.key.prefix, norms)
    return left_out(found, sinks, "sink")


def _check(found: Map, what: str) -> None:
    if found.unit != SHARE:
        raise QuestionError(
            "sinks", f"want a map of shares of attention to leave {what}s out of, got one of {found.unit}"
        )
