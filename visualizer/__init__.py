"""From attention records to numbers to figures; without torch and without streamlit.

The numbers import numpy alone (scipy where it is used), so that a script over many records starts at once; figures
import Plotly when they are first asked for.
"""

from __future__ import annotations

import importlib
from typing import Any

from visualizer.distance import attention_distance, patch_distances
from visualizer.entropy import entropy, relative_entropy
from visualizer.flow import attention_flow
from visualizer.invariants import Invariants, check
from visualizer.rollout import (
    class_rollout,
    class_rollouts,
    fuse,
    gradient_rollout,
    mixed_layers,
    rollout,
    rollouts,
)
from visualizer.score import Chance, chance, mass_in_mask, pointing_hit
from visualizer.similarity import cosine_similarity, head_similarity, position_similarity
from visualizer.sinks import sink_share, sink_tokens, special_share, without
from visualizer.summary import STATISTICS, Statistic, head_statistic

# Not `scale` and `overlay`: functions of the same name as their modules; import those from the module.
_FIGURES = {
    "atlas": "mosaic", "bare": "overlay", "bars": "summary_figure", "before_after": "comparison", "curves": "summary_figure",
    "describe": "words", "describe_grid": "words", "head_grid": "mosaic", "head_summary": "summary_figure",
    "layer_animation": "animation", "matrix": "heatmap", "patch_map": "heatmap", "signed": "heatmap",
    "Scale": "scale",
}  # fmt: skip

__all__ = [
    "STATISTICS",
    "Chance",
    "Invariants",
    "Statistic",
    "attention_distance",
    "attention_flow",
    "chance",
    "check",
    "class_rollout",
    "class_rollouts",
    "cosine_similarity",
    "entropy",
    "fuse",
    "gradient_rollout",
    "head_similarity",
    "head_statistic",
    "mass_in_mask",
    "mixed_layers",
    "patch_distances",
    "pointing_hit",
    "position_similarity",
    "relative_entropy",
    "rollout",
    "rollouts",
    "sink_share",
    "sink_tokens",
    "special_share",
    "without",
]


def __getattr__(name: str) -> Any:
    if name in _FIGURES:
        return getattr(importlib.import_module(f"visualizer.{_FIGURES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
