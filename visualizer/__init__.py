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
from visualizer.windows import forbidden_share, window_distance, window_entropy

# Not `scale`, `overlay`, `fields` and `viewport`: functions of the same name as their modules; import those from the module.
_FIGURES = {
    "atlas": "mosaic", "bare": "overlay", "bars": "summary_figure", "before_after": "comparison", "curves": "summary_figure",
    "describe": "words", "describe_grid": "words", "head_grid": "mosaic", "head_summary": "summary_figure",
    "layer_animation": "animation", "matrix": "heatmap", "patch_map": "heatmap", "signed": "heatmap",
    "Scale": "scale",
    "bias_map": "swin_structure", "merge_picture": "swin_structure", "page_windows": "swin_figures",
    "stage_tracker": "swin_structure", "window_heads": "swin_figures", "window_map": "swin_figures",
    "describe_bias": "swin_words", "describe_merge": "swin_words", "describe_stages": "swin_words",
    "describe_window_map": "swin_words", "describe_windows": "swin_words",
    "as_json": "fields", "pretty": "fields", "boxed": "field_box", "field_heat": "reading", "gather": "reading",
    "propose_box": "field_box", "proposals": "field_box", "token_heat": "reading", "token_names": "reading", "points_into": "pointing",
    "field_scores": "reading_score", "hits": "reading_score", "rank_heads": "reading_score",
    "token_truth": "reading_score", "heads_of_token": "reading_figures", "minimap": "reading_figures",
    "page_with_heat": "reading_figures", "strip": "reading_figures", "describe_heads": "reading_text",
    "describe_token": "reading_text", "json_html": "reading_text", "token_runs": "reading_text",
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
    "forbidden_share",
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
    "window_distance",
    "window_entropy",
    "without",
]


def __getattr__(name: str) -> Any:
    if name in _FIGURES:
        return getattr(importlib.import_module(f"visualizer.{_FIGURES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
