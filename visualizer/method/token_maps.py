"""A map over a text as people read it: a number for each word, with or without special tokens."""

from dataclasses import replace

import numpy as np

from visualizer.measures.words import groups, word_axis
from visualizer.method.map import Map
from visualizer.method.token_pairs import ordinary, without_special


def of_words(found: Map, text: str = "", words: bool = True, special: bool = True) -> Map:
    """The same map with words for tokens, as `visualizer.by_words` does it for a record.

    Shares, relevance and gradients of the parts of a word are summed; of any other number the mean is taken, since a length or a fall of a
    score does not grow with the number of parts (`Map.over`).

    Args:
        found: over a text.
        text: that went in; words are written as in it.
        words: gather subwords, where the map says which belong together; else tokens stay.
        special: whether special tokens stay; nothing is rescaled without them.

    Raises:
        QuestionError: special tokens alone, and they are to be left out.

    >>> from vit_attention.records import Axis
    >>> from visualizer.method.map import SHARE
    >>> axis = Axis.text(("un", "##happy", "[SEP]"), ("[CLS]",), (-1, 0, 0, -1))
    >>> found = of_words(Map(np.array([0.1, 0.2, 0.3, 0.4]), axis, SHARE, "", (), 0), "Unhappy", special=False)
    >>> found.names, found.row.tolist()
    (('Unhappy',), [0.5])
    """
    row, axis = np.asarray(found.row), found.axis
    if words and axis.words:
        row, axis = found.over(groups(axis.words)), word_axis(axis, text)
    if not special:
        kept = ordinary(axis)
        row, axis = row[kept], without_special(axis)
    return replace(found, row=row, axis=axis)
