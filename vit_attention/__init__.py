"""Attention of vision transformers as records that prove themselves; importing this loads no torch.

>>> import vit_attention as va
>>> [card.name for card in va.models()][:2]
['scene-vit', 'receipt-donut']
"""

from typing import TYPE_CHECKING, Any

from vit_attention.heavy import library
from vit_attention.models.cards import Card
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Prediction
from vit_attention.records.geometry import Geometry
from vit_attention.registry import card, load, models

if TYPE_CHECKING:
    from vit_attention.capture import CaptureError, Seen, capture, register_kind
    from vit_attention.inputs.pictures import open_picture
    from vit_attention.models.any_module import ModuleError, record_of

# Needs torch, so it is imported when it is asked for.
_LAZY = {
    "CaptureError": "vit_attention.capture",
    "ModuleError": "vit_attention.models.any_module",
    "Seen": "vit_attention.capture",
    "capture": "vit_attention.capture.listener",
    "open_picture": "vit_attention.inputs.pictures",
    "record_of": "vit_attention.models.any_module",
    "register_kind": "vit_attention.capture",
}

__all__ = [
    "AttentionMap",
    "AttentionRecord",
    "Axis",
    "CaptureError",
    "Card",
    "Geometry",
    "ModuleError",
    "Prediction",
    "Seen",
    "capture",
    "card",
    "load",
    "models",
    "open_picture",
    "record_of",
    "register_kind",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(library(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
