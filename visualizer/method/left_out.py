"""A map with its sinks left out at display; what the model did stays as it was."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from visualizer.measures.sinks import Keys, sink_share, sink_tokens, without
from visualizer.method.base import SHARE, Map
from visualizer.method.question import Maps, QuestionError, weights_of
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
    if found.unit != SHARE:
        raise QuestionError(
            "sinks", f"want a map of shares of attention to leave {what}s out of, got one of {found.unit}"
        )
    row = without(found.row, tokens)
    count = int(np.isnan(row).sum() - np.isnan(found.row).sum())
    if not count:
        return replace(found, words=f"{found.words}; no {what} found to leave out")
    share = float(sink_share(found.row, tokens))
    told = f"{count} {what}{'s' * (count > 1)} left out at display ({share:.1%} of the row), the rest rescaled to 100 %"
    return replace(found, row=row, words=f"{found.words}; {told}; the model was not changed")


def sinks_of(record: AttentionRecord, maps: Maps, layers: Iterable[int]) -> NDArray[np.bool_]:
    """(keys,) booleans: tokens that are sinks in at least one of some layers, by `visualizer.sink_tokens`.

    Raises:
        QuestionError: a layer of which the record kept only some rows.
    """
    found = []
    for number in layers:
        one = maps[number]
        weights = weights_of(one, range(len(one.query)))
        known = 0 < number <= len(record.norms) and record.norms.shape[1] == len(one.key)
        found.append(sink_tokens(weights, one.key.prefix, record.norms[number - 1] if known else None))
    return np.asarray(np.any(found, axis=0))
