"""Attention of vision transformers as records that prove themselves; importing this loads no torch.

>>> import vit_attention as va
>>> [card.name for card in va.models()][:2]
['scene-vit', 'photo-dino']
"""

from typing import TYPE_CHECKING, Any

from vit_attention.heavy import library
from vit_attention.models.cards import Card
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Prediction, Similar
from vit_attention.records.geometry import Geometry
from vit_attention.registry import card, load, models

if TYPE_CHECKING:
    from vit_attention.capture import CaptureError, Seen, capture, register_kind
    from vit_attention.changes import AddedRegister, ChangedRows, HeadGains, WithoutColumns
    from vit_attention.gate import GateError
    from vit_attention.inputs.pictures import PictureError, open_pages, open_picture
    from vit_attention.judging import faithfulness
    from vit_attention.models.any_module import ModuleError, record_of
    from vit_attention.models.many import Many
    from vit_attention.models.model import BudgetError, Model
    from vit_attention.records.attention_json import read_attention_json
    from vit_attention.surveying.run import Survey, survey

# Most of it needs torch, so it is imported when it is asked for.
_LAZY = {
    "AddedRegister": "vit_attention.changes",
    "BudgetError": "vit_attention.models.model",
    "CaptureError": "vit_attention.capture",
    "ChangedRows": "vit_attention.changes",
    "GateError": "vit_attention.gate",
    "HeadGains": "vit_attention.changes",
    "Many": "vit_attention.models.many",
    "Model": "vit_attention.models.model",
    "ModuleError": "vit_attention.models.any_module",
    "PictureError": "vit_attention.inputs.pictures",
    "Seen": "vit_attention.capture",
    "Survey": "vit_attention.surveying.run",
    "WithoutColumns": "vit_attention.changes",
    "capture": "vit_attention.capture.listener",
    "faithfulness": "vit_attention.judging",
    "open_pages": "vit_attention.inputs.pictures",
    "open_picture": "vit_attention.inputs.pictures",
    "read_attention_json": "vit_attention.records.attention_json",
    "record_of": "vit_attention.models.any_module",
    "register_kind": "vit_attention.capture",
    "survey": "vit_attention.surveying.run",
}

__all__ = [
    "AddedRegister",
    "AttentionMap",
    "AttentionRecord",
    "Axis",
    "BudgetError",
    "CaptureError",
    "Card",
    "ChangedRows",
    "GateError",
    "Geometry",
    "HeadGains",
    "Many",
    "Model",
    "ModuleError",
    "PictureError",
    "Prediction",
    "Seen",
    "Similar",
    "Survey",
    "WithoutColumns",
    "capture",
    "card",
    "faithfulness",
    "load",
    "models",
    "open_pages",
    "open_picture",
    "read_attention_json",
    "record_of",
    "register_kind",
    "survey",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(library(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
