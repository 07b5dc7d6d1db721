"""From attention records to numbers to figures; without torch and without streamlit.

The numbers import numpy alone (scipy where it is used), so that a script over many records starts at once; figures
import Plotly when they are first asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

from visualizer.measures.agreement import chance_overlap, overlap, rank_agreement
from visualizer.measures.complexity import effective_share, gini
from visualizer.measures.components import Components, principal_components
from visualizer.measures.distance import attention_distance, patch_distances
from visualizer.measures.entropy import entropy, relative_entropy
from visualizer.measures.flow import attention_cut, attention_flow, largest_flow
from visualizer.measures.invariants import Invariants, check
from visualizer.measures.masks import coverage, covered
from visualizer.measures.outliers import Outliers, outliers
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
from visualizer.measures.score import Chance, chance, iou, mass_in_mask, pointing_hit
from visualizer.measures.similarity import cosine_similarity, head_similarity, patch_similarity, position_similarity
from visualizer.measures.sinks import received, sink_share, sink_tokens, special_share, without
from visualizer.measures.summary import STATISTICS, Statistic, head_statistic
from visualizer.measures.windows import forbidden_share, window_distance, window_entropy

if TYPE_CHECKING:
    from visualizer.export.film import film
    from visualizer.export.numbers import save_numbers
    from visualizer.figures.agreement import agreement_table, rank_sheet
    from visualizer.figures.animation import layer_animation
    from visualizer.figures.arcs import arcs
    from visualizer.figures.charts import strip
    from visualizer.figures.comparison import before_after, side_by_side
    from visualizer.figures.faithfulness import deletion_insertion
    from visualizer.figures.flow_network import flow_network
    from visualizer.figures.heatmap import matrix, patch_map, signed
    from visualizer.figures.mosaic import atlas, head_grid
    from visualizer.figures.overlay import bare, overlay
    from visualizer.figures.reading import heads_of_token, minimap, page_with_heat
    from visualizer.figures.summary import bars, curves, head_summary
    from visualizer.figures.swin import page_windows, window_map
    from visualizer.figures.swin_structure import bias_map, merge_picture, stage_tracker, window_heads
    from visualizer.figures.token_matrix import token_atlas, token_matrix
    from visualizer.measures.controls import Scored, centre_prior, colour_contrast, outline_mask, score_against
    from visualizer.measures.faithfulness import Curve, Faithfulness, strongest_first
    from visualizer.measures.field_box import boxed, proposals, propose_box
    from visualizer.measures.fields import as_json, fields, pretty
    from visualizer.measures.pointing import points_into
    from visualizer.measures.reading import field_heat, gather, token_heat, token_names
    from visualizer.measures.reading_score import field_scores, hits, rank_heads, token_truth
    from visualizer.measures.words import by_words, gather_words
    from visualizer.method import methods
    from visualizer.method.components import components
    from visualizer.method.heads import heads_on_mask
    from visualizer.style.scale import Scale
    from visualizer.words.faithfulness import describe_faithfulness
    from visualizer.words.flow import describe_flow
    from visualizer.words.maps import describe, describe_grid
    from visualizer.words.reading import describe_heads, describe_token, json_html, token_runs
    from visualizer.words.swin import (
        describe_bias,
        describe_merge,
        describe_stages,
        describe_window_map,
        describe_windows,
    )
    from visualizer.words.text import describe_arcs, describe_token_matrix

# Imported when they are first asked for: figures need Plotly.
_LAZY = {
    "figures.agreement": ("agreement_table", "rank_sheet"),
    "figures.animation": ("layer_animation",),
    "figures.arcs": ("arcs",),
    "export.film": ("film",),
    "export.numbers": ("save_numbers",),
    "figures.comparison": ("before_after", "side_by_side"),
    "figures.faithfulness": ("deletion_insertion",),
    "figures.flow_network": ("flow_network",),
    "figures.heatmap": ("matrix", "patch_map", "signed"),
    "figures.mosaic": ("atlas", "head_grid"),
    "figures.overlay": ("bare", "overlay"),
    "figures.charts": ("strip",),
    "figures.reading": ("heads_of_token", "minimap", "page_with_heat"),
    "figures.summary": ("bars", "curves", "head_summary"),
    "figures.swin": ("page_windows", "window_map"),
    "figures.swin_structure": ("bias_map", "merge_picture", "stage_tracker", "window_heads"),
    "figures.token_matrix": ("token_atlas", "token_matrix"),
    "measures.controls": ("Scored", "centre_prior", "colour_contrast", "outline_mask", "score_against"),
    "measures.faithfulness": ("Curve", "Faithfulness", "strongest_first"),
    "measures.field_box": ("boxed", "proposals", "propose_box"),
    "measures.fields": ("as_json", "fields", "pretty"),
    "measures.pointing": ("points_into",),
    "measures.reading": ("field_heat", "gather", "token_heat", "token_names"),
    "measures.reading_score": ("field_scores", "hits", "rank_heads", "token_truth"),
    "measures.words": ("by_words", "gather_words"),
    "method": ("methods",),
    "method.components": ("components",),
    "method.heads": ("heads_on_mask",),
    "style.scale": ("Scale",),
    "words.faithfulness": ("describe_faithfulness",),
    "words.flow": ("describe_flow",),
    "words.maps": ("describe", "describe_grid"),
    "words.reading": ("describe_heads", "describe_token", "json_html", "token_runs"),
    "words.text": ("describe_arcs", "describe_token_matrix"),
    "words.swin": ("describe_bias", "describe_merge", "describe_stages", "describe_window_map", "describe_windows"),
}
_HOME = {name: module for module, names in _LAZY.items() for name in names}

__all__ = [
    "STATISTICS",
    "Chance",
    "Components",
    "Curve",
    "Faithfulness",
    "Invariants",
    "Outliers",
    "Scale",
    "Scored",
    "Statistic",
    "agreement_table",
    "arcs",
    "as_json",
    "atlas",
    "attention_cut",
    "attention_distance",
    "attention_flow",
    "bare",
    "bars",
    "before_after",
    "bias_map",
    "boxed",
    "by_words",
    "centre_prior",
    "chance",
    "chance_overlap",
    "check",
    "class_rollout",
    "class_rollouts",
    "colour_contrast",
    "components",
    "cosine_similarity",
    "coverage",
    "covered",
    "curves",
    "deletion_insertion",
    "describe",
    "describe_arcs",
    "describe_bias",
    "describe_faithfulness",
    "describe_flow",
    "describe_grid",
    "describe_heads",
    "describe_merge",
    "describe_stages",
    "describe_token",
    "describe_token_matrix",
    "describe_window_map",
    "describe_windows",
    "effective_share",
    "entropy",
    "field_heat",
    "field_scores",
    "fields",
    "film",
    "flow_network",
    "forbidden_share",
    "fuse",
    "gather",
    "gather_words",
    "gini",
    "gradient_rollout",
    "head_grid",
    "head_similarity",
    "head_statistic",
    "head_summary",
    "heads_of_token",
    "heads_on_mask",
    "hits",
    "iou",
    "json_html",
    "largest_flow",
    "layer_animation",
    "mass_in_mask",
    "matrix",
    "merge_picture",
    "methods",
    "minimap",
    "mixed_layers",
    "outliers",
    "outline_mask",
    "overlap",
    "overlay",
    "page_windows",
    "page_with_heat",
    "patch_distances",
    "patch_map",
    "patch_similarity",
    "pointing_hit",
    "points_into",
    "position_similarity",
    "pretty",
    "principal_components",
    "proposals",
    "propose_box",
    "rank_agreement",
    "rank_heads",
    "rank_sheet",
    "received",
    "relative_entropy",
    "relevance",
    "rollout",
    "rollouts",
    "save_numbers",
    "score_against",
    "side_by_side",
    "signed",
    "sink_share",
    "sink_tokens",
    "special_share",
    "stage_tracker",
    "strip",
    "strongest_first",
    "token_atlas",
    "token_heat",
    "token_matrix",
    "token_names",
    "token_runs",
    "token_truth",
    "window_distance",
    "window_entropy",
    "window_heads",
    "window_map",
    "without",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"visualizer.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
