"""Norm-based attention: the length of what a query takes over from each token, not the weight alone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from visualizer.method.base import Knobs, Map, Method, answer
from visualizer.method.question import Question, QuestionError, askers, one_head, weights_of
from visualizer.method.stored import signal_of
from vit_attention.records import GRAMS, AttentionMap, AttentionRecord


def norms(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """||alpha f(x)|| of one head, or of the sum over all heads; of several query tokens the mean of their lengths."""
    layer, one = question.map(record)
    grams = signal_of(record, one, GRAMS)
    if grams is None:
        raise QuestionError("layer", f"want one in which the input's own tokens ask, got {layer}")
    who = askers(one.query, question.query)
    weights, head = weights_of(one, who.rows).astype(np.float64), question.head
    lengths = _together(one, weights, grams) if head is None else one_head(one, weights, head) * _alone(grams, head)
    heads = "summed over all heads" if head is None else f"head {head + 1}"
    words = f"length of weight × transformed value, layer {layer + 1}, {heads}"
    return answer(record, one, who, who.together(lengths), words, "length of weight × value", layer)


def _together(one: AttentionMap, weights: NDArray[np.float64], grams: NDArray[Any]) -> NDArray[np.float64]:
    """(queries, keys) lengths of the sum over heads of weight times f(x): the root of alpha^T G alpha."""
    if one.heads is not None:
        raise QuestionError(
            "head", f"want one of {', '.join(map(str, one.heads))}, as this record kept some heads only"
        )
    heads = len(weights)
    grams = grams[:, :heads, :heads]  # a layer may have fewer heads than another
    found = np.einsum("hqk,khg,gqk->qk", weights, grams, weights, optimize=True)
    return np.asarray(np.sqrt(np.maximum(found, 0)))  # rounding may leave less than nothing where heads cancel


def _alone(grams: NDArray[Any], head: int) -> NDArray[np.float64]:
    """(keys,) ||f(x)|| of one head."""
    return np.asarray(np.sqrt(np.maximum(grams[:, head, head].astype(np.float64), 0)))


METHOD = Method(
    norms,
    meaning="How long the vector is that the query token takes over from each patch: weight times value behind the output "
    "projection, of one head or of the sum over all heads. A large weight on a short vector counts little.",
    source="Kobayashi et al. 2020, arXiv:2004.10102, equations 2 to 5",
    title="norm-based attention",
    signals=frozenset({GRAMS}),
    heads=True,
    place=15,
)
