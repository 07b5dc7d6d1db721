"""Patch similarity: how similar the features of patches are after a layer, with their mean subtracted."""

import numpy as np

from visualizer.measures.similarity import patch_similarity
from visualizer.method.base import Knobs, Map, Method, answer
from visualizer.method.question import Question, askers
from vit_attention.records import AttentionRecord


def likeness(record: AttentionRecord, question: Question, knobs: Knobs, centred: bool = True) -> Map:
    """Cosine similarity of every patch with the mean of the asking patches; special tokens are left out (NaN).

    Args:
        centred: subtract the mean of all patches first, so that only what distinguishes them is compared.
    """
    layer, one = question.map(record)
    who, states = askers(one.query, question.query), record.signals["hidden"]
    prefix, row = one.query.prefix, np.full(len(one.query), np.nan)
    row[prefix:] = patch_similarity(states[layer + 1][prefix:], [n - prefix for n in who.rows], centred)
    words = f"patch similarity after layer {layer + 1}" + ", mean subtracted" * centred
    return answer(record, one, who, row, words, "cosine similarity", layer, signed=True)


METHOD = Method(
    likeness,
    meaning="Patch similarity: how similar each patch is to the query patches after the chosen layer, with the mean of all "
    "patches subtracted.",
    source="cosine similarity of tokens, as in Raghu et al. 2021, arXiv:2108.08810, section 5",
    signals=frozenset({"hidden"}),
    asked_by="patches",
    place=90,
)
