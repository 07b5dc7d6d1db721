"""How alike the tokens of patches are after a layer, less the mean of all."""

import numpy as np

from visualizer.measures.similarity import token_similarity
from visualizer.method.base import Knobs, Map, Method, answer
from visualizer.method.question import Question, askers
from vit_attention.records import AttentionRecord


def likeness(record: AttentionRecord, question: Question, knobs: Knobs, centred: bool = True) -> Map:
    """Cosine similarity of every patch's token with that of the asking patch; special tokens are left out (NaN).

    Args:
        centred: take the mean of all patch tokens off first, so that only what tells them apart is compared.
    """
    layer, one = question.map(record)
    who, states = askers(one.query, question.query), record.signals["hidden"]
    found = token_similarity(states[layer + 1][one.query.prefix :], centred)
    row = np.full(len(one.query), np.nan)
    row[one.query.prefix :] = found[who.rows[0] - one.query.prefix]
    words = f"alike after layer {layer + 1}" + ", mean subtracted" * centred
    return answer(record, one, who, row, words, "cosine similarity", layer, signed=True)


METHOD = Method(
    likeness,
    meaning="How similar the tokens of patches are to the query patch's after the chosen layer, with the mean token subtracted.",
    source="cosine similarity of tokens, as in Raghu et al. 2021, arXiv:2108.08810, section 5",
    signals=frozenset({"hidden"}),
    asked_by="patch",
    place=90,
)
