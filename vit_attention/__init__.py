"""Attention of vision transformers as records that prove themselves; importing this loads no torch.

>>> import vit_attention as va
>>> [card.name for card in va.models()][:2]
['scene-vit', 'receipt-donut']
"""

from __future__ import annotations

import importlib
from typing import Any

from vit_attention.cards import Card
from vit_attention.geometry import Geometry
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Prediction
from vit_attention.registry import card, load, models

# Needs torch, so it is imported when it is asked for.
_LAZY = {"capture": "vit_attention.hooks", "CaptureError": "vit_attention.hooks"}

__all__ = [
    "AttentionMap",
    "AttentionRecord",
    "Axis",
    "CaptureError",
    "Card",
    "Geometry",
    "Prediction",
    "capture",
    "card",
    "load",
    "models",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
