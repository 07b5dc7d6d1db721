"""Naive patch-text similarity: patches as they leave a layer, compared with labels."""

import numpy as np
from numpy.typing import NDArray

from vit_attention.signals.given import Again, label_space

OF = ("labels",)
STATES = True


def run(again: Again) -> NDArray[np.float32]:
    """(layers, labels + 1, 1 + tokens) cosine similarity of the whole picture, and of every token after every layer, to labels.

    The last label is the empty text. Tokens go through the final norm and the projection, as the class token does after the last
    layer; those of earlier layers skip the layers behind them.
    """
    joint = label_space(again)
    return joint.similarity(joint.states[1:])
