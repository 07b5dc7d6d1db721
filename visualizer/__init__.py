"""From attention records to numbers to figures; without torch and without streamlit.

The numbers import numpy alone (scipy where it is used), so that a script over many records starts at once; figures
import Plotly when they are first asked for.
"""

import importlib
from typing import Any

from visualizer.measures.distance import attention_distance, patch_distances
from visualizer.measures.entropy import entropy, relative_entropy
from visualizer.measures.flow import attention_flow
from visualizer.measures.invariants import Invariants, check
from visualizer.measures.masks import coverage, covered
from visualizer.measures.rollout import (
    class_rollout,
    class_rollouts,
    fuse,
    gradient_rollout,
    mixed_layers,
    relevance,
    rollout,
    rollouts,
)
from visualizer.measures.score import Chance, chance, mass_in_mask, pointing_hit
from visualizer.measures.similarity import cosine_similarity, head_similarity, position_similarity
from visualizer.measures.sinks import sink_share, sink_tokens, special_share, without
from visualizer.measures.summary import STATISTICS, Statistic, head_statistic
from visualizer.measures.windows import forbidden_share, window_distance, window_entropy

# Imported when they are first asked for: figures need Plotly.
_LAZY = {
    "figures.animation": ("layer_animation",),
    "export.film": ("film",),
    "export.numbers": ("save_numbers",),
    "figures.comparison": ("before_after", "side_by_side"),
    "figures.heatmap": ("matrix", "patch_map", "signed"),
    "figures.mosaic": ("atlas", "head_grid"),
    "figures.overlay": ("bare", "overlay"),
    "figures.charts": ("strip",),
    "figures.reading": ("heads_of_token", "minimap", "page_with_heat"),
    "figures.summary": ("bars", "curves", "head_summary"),
    "figures.swin": ("page_windows", "window_map"),
    "figures.swin_structure": ("bias_map", "merge_picture", "stage_tracker", "window_heads"),
    "measures.field_box": ("boxed", "proposals", "propose_box"),
    "measures.fields": ("as_json", "fields", "pretty"),
    "measures.pointing": ("points_into",),
    "measures.reading": ("field_heat", "gather", "token_heat", "token_names"),
    "measures.reading_score": ("field_scores", "hits", "rank_heads", "token_truth"),
    "method": ("methods",),
    "method.heads": ("heads_on_mask",),
    "style.scale": ("Scale",),
    "words.maps": ("describe", "describe_grid"),
    "words.reading": ("describe_heads", "describe_token", "json_html", "token_runs"),
    "words.swin": ("describe_bias", "describe_merge", "describe_stages", "describe_window_map", "describe_windows"),
}
_HOME = {name: module for module, names in _LAZY.items() for name in names}

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
    "coverage",
    "covered",
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
    "relevance",
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
    if name in _HOME:
        return getattr(importlib.import_module(f"visualizer.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
