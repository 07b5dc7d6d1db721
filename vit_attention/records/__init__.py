"""The attention record and what belongs to it; numpy and Pillow only."""

from vit_attention.records.axes import AXIS_KINDS, Axis
from vit_attention.records.geometry import Geometry
from vit_attention.records.maps import MAP_KINDS, ROW_SUM_TOLERANCE, AttentionMap, half_to_single
from vit_attention.records.needs import FUSED, GRAMS, SIGNALS, Run, sorted_out
from vit_attention.records.prediction import Prediction
from vit_attention.records.record import AttentionRecord, encode_picture
from vit_attention.records.similar import Similar

__all__ = [
    "AXIS_KINDS",
    "FUSED",
    "GRAMS",
    "MAP_KINDS",
    "ROW_SUM_TOLERANCE",
    "SIGNALS",
    "AttentionMap",
    "AttentionRecord",
    "Axis",
    "Geometry",
    "Prediction",
    "Run",
    "Similar",
    "encode_picture",
    "half_to_single",
    "sorted_out",
]
