"""Records of small texts whose attention is chosen by hand."""

from __future__ import annotations

import numpy as np

from vit_attention.records import AttentionMap, AttentionRecord, Axis

AXIS = Axis.text(("un", "##happy", "is", "not", "[SEP]"), ("[CLS]",), (-1, 0, 0, 1, 2, -1))
HEBREW = Axis.text(("שלום", "##ים", "עולם", "[SEP]"), ("[CLS]",), (-1, 0, 0, 1, -1))


def text_record(weights: np.ndarray, axis: Axis = AXIS, text: str = "Unhappy is not") -> AttentionRecord:
    """A record of (layers, heads, tokens, tokens) weights."""
    maps = [
        AttentionMap(np.asarray(one, np.float32), f"layer.{n}", n, "self", axis, axis) for n, one in enumerate(weights)
    ]
    return AttentionRecord(tuple(maps), text=text)


def by_hand() -> np.ndarray:
    """(2, 2, 6, 6): in layer 2, head 1, "not" (4) looks at "is" (3) with 0.6 and at itself with 0.4; [CLS] (0) looks at it
    with 0.9 and at "un" (1) with 0.1; all else looks at [SEP] (5)."""
    weights = np.zeros((2, 2, 6, 6))
    weights[..., 5] = 1
    head = weights[1, 0]
    head[[0, 4]] = 0
    head[4, 3], head[4, 4] = 0.6, 0.4
    head[0, 4], head[0, 1] = 0.9, 0.1
    return weights
