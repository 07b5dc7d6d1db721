"""The parts of page "Patches and tokens": the cut picture, one patch, the embedding, places, likeness."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings import Context
from tutorials.findings import patches as tokens
from ui import commands as command_lines
from ui import components, resources
from visualizer.figures import heatmap
from visualizer.figures import patch as patch_figure
from visualizer.figures.overlay import bare, overlay
from visualizer.measures.filters import principal_filters, tiles
from visualizer.measures.similarity import position_similarity
from visualizer.words import maps as words

ALIKE, CHANGED = "alike to the chosen patch", "changed when the chosen patch is painted over"


def count(now: Context) -> str:
    """The bill of tokens in one sentence."""
    rows, columns = now.grid
    height, width = now.patch_size
    seen = now.record.geometry.seen if now.record.geometry else (0, 0)
    special = now.axis.prefix
    return (
        f"{seen[0]} × {seen[1]} pixels, cut into patches of {width} × {height}: {rows} rows × {columns} columns = "
        f"{rows * columns} patches, and {special} special token{'s' * (special != 1)}: **{len(now.axis)} tokens**."
    )


def cut_picture(now: Context) -> None:
    """The picture under its patch grid, ready to be clicked, and what was resized or cropped away."""
    scene = now.picture.scene
    outlined = scene is not None and st.toggle(
        "Show the true outline", key="truth", bind="query-params", persist_state="session"
    )
    geometry, key = now.record.geometry, "patches_picture"
    fig = bare(
        now.picture.image,
        now.grid,
        geometry,
        query=(tokens.chosen_patch(now),),
        truth=scene.mask if scene and outlined else None,
    )
    place = f"row {now.chosen.row + 1}, column {now.chosen.column + 1}"
    alt = f"The picture under {now.grid[0]} by {now.grid[1]} patches; chosen: {place}."
    components.chart(fig, key, alt, components.pick_patches(key, now.grid[1]))
    components.query_arrows()
    steps = "; ".join(geometry.steps) if geometry else ""
    st.caption(f"Before cutting: {steps}." if steps else "The model sees the picture as it is.")


@st.fragment
def one_patch(now: Context) -> None:
    """The chosen patch pixel by pixel."""
    shown = st.segmented_control(
        "Show", ["colours", *patch_figure.CHANNELS], default="colours", key="patches_channel", required=True
    )
    channel = shown if shown in patch_figure.CHANNELS else None
    pixels = tokens.patch_pixels(now)
    title = f"Patch row {now.chosen.row + 1}, column {now.chosen.column + 1}"
    mean = ", ".join(
        f"{name} {value:.0f}" for name, value in zip(patch_figure.CHANNELS, pixels.mean(axis=(0, 1)), strict=True)
    )
    alt = f"{title}, enlarged; mean {mean} of 255."
    components.chart(patch_figure.pixels(pixels, channel, title=title), "patches_pixels", alt)
    height, width, _ = pixels.shape
    size = len(now.run(tokens.patch_filters, now.model, None))
    st.markdown(
        f"{height} × {width} pixels × 3 colours = **{pixels.size} numbers** go in, one token of **{size} numbers** "
        f"comes out. Mean: {mean} of 255."
    )


def embedding(now: Context) -> None:
    """The filters of the linear patch embedding, and the proof that a token is nothing more at first."""
    filters = now.run(tokens.patch_filters, now.model, None)
    patterns, share = principal_filters(filters, 28)
    zoom = max(1, 48 // filters.shape[-1])
    left, right = st.columns([2, 3])
    left.image(
        tiles(patterns, columns=7, zoom=zoom),
        width="stretch",
        alt=f"{len(patterns)} small patterns; the first ones are the strongest.",
    )
    right.markdown(
        f"Each of the {len(filters)} numbers of a token is one weighted sum of the patch's pixels; its weights are "
        f"a *filter*. You see the {len(patterns)} strongest principal components of all {len(filters)} filters, "
        "strongest first: every filter is a mixture of such patterns."
    )
    right.caption(
        f"Mid grey is weight 0; each tile is scaled by its own largest weight (up to {np.abs(patterns).max():.2f}, "
        f"no unit). The first holds {share[0]:.0%} of the filters' summed squares, all shown together "
        f"{share.sum():.0%}."
    )
    try:
        st.caption(
            "Proof: filters × pixels + one bias for all + position embedding gives the tokens that enter layer 1; "
            f"the largest difference over all patches and numbers is {tokens.linear_error(now):.1e}."
        )
    except ValueError:
        st.caption("This model prepares its tokens in more steps, so the formula cannot be checked number by number.")


def positions(now: Context) -> None:
    """How alike the position embedding of the chosen place is to all others."""
    table = now.run(tokens.position_table, now.model, None)
    if table is None or len(table) != len(now.axis):
        st.info("This model has no table with one learned position per token, so there is nothing to compare.")
        return
    values = position_similarity(table, now.grid, now.axis.prefix)[now.chosen.row, now.chosen.column]
    title = f"Positions alike to row {now.chosen.row + 1}, column {now.chosen.column + 1}"
    fig = heatmap.signed(values, limit=1.0, query=(tokens.chosen_patch(now),), unit="cosine similarity", title=title)
    components.chart(fig, "patches_positions", words.describe(values, name=title, unit="cosine similarity"))
    if now.model == resources.BUNDLED_MODEL:
        st.caption(
            "scene-vit's table started from a designed code: 12 of its 144 channels held waves along rows and "
            "columns that help heads find neighbours. It was then trained with the rest, so what you see is "
            "design and training together."
        )


def at_first(now: Context) -> None:
    """The outcome of the guess: likeness before any layer."""
    values = tokens.likeness(now, 0)[tokens.chosen_patch(now)].reshape(now.grid)
    title = "Alike before layer 1"
    _on_picture(now, values, title, "cosine similarity", "patches_first")


def deeper(now: Context) -> tuple[NDArray[np.float64], str, str]:
    """Likeness, or the reach of one painted patch, after the chosen layer; returns the map, its title and its unit."""
    depth, patch = now.chosen.layer + 1, tokens.chosen_patch(now)
    what = st.segmented_control(
        "Map", [ALIKE, CHANGED], default=ALIKE, key="reach", required=True, bind="query-params", persist_state="session"
    )
    if what == CHANGED:
        values = tokens.change(now)[depth][now.axis.prefix :].reshape(now.grid)
        title, unit = f"Changed after layer {depth}", "share of the token's length"
        st.caption(
            "The chosen patch is painted black (white if it is dark) and the model runs again. Colours show how "
            "far every token moves."
        )
        mode = st.segmented_control("Colour scale", ["log", "raw"], default="log", key="reach_scale", required=True)
    else:
        centred = st.toggle(
            "Take the mean of all patches off first", value=True, key="centred", bind="query-params",
            persist_state="session",
            help="All tokens share a large common part. Without it, only what tells patches apart is compared.",
        )  # fmt: skip
        values = tokens.likeness(now, depth, bool(centred))[patch].reshape(now.grid)
        title = f"Alike after layer {depth}" + (", mean taken off" if centred else "")
        unit, mode = "cosine similarity", "raw"
    _on_picture(now, values, title, unit, "patches_deeper", "log" if mode == "log" else "raw")
    return values, title, unit


def command(now: Context) -> str:
    """The command of the map above."""
    if st.session_state.get("reach") == CHANGED:
        return command_lines.of(
            now,
            "painted",
            alpha=0.7,
            **command_lines.scaled("raw" if st.session_state.get("reach_scale") == "raw" else "log"),
        )
    return command_lines.of(
        now,
        "likeness" if st.session_state.get("centred", True) else "plain-likeness",
        alpha=0.7,
        **command_lines.scaled("raw"),
    )


def _on_picture(now: Context, values: NDArray[np.float64], title: str, unit: str, key: str, scale: str = "raw") -> None:
    said = words.describe(values, name=title, unit=unit)
    pick = components.pick_patches(key, now.grid[1])
    fig = overlay(
        now.picture.image, values, now.record.geometry, query=(tokens.chosen_patch(now),), clickable=True, unit=unit,
        title=title,
        scale=scale, opacity=0.7,
    )  # fmt: skip
    components.chart(fig, key, said, pick)
    components.in_words(said)


def trust(now: Context) -> None:
    """What can be checked about maps of tokens: there are no weights here, so the attention card does not fit."""
    hidden = now.run(tokens.hidden_states, now.model, now.picture)
    with st.expander("May I believe it? Trust card"):
        lines = ["| check | here | what it tells |", "|---|---|---|"]
        if now.record.norms.shape == (len(hidden) - 1, hidden.shape[1]):
            gap = float(np.abs(np.linalg.norm(hidden[1:], axis=-1) / np.maximum(now.record.norms, 1e-12) - 1).max())
            lines.append(
                f"| two runs agree | {gap:.1e} | largest relative difference of token lengths between the run "
                "shown here and the one that made the attention record |"
            )
        try:
            lines.append(
                f"| linear start | {tokens.linear_error(now):.1e} | largest difference between the entering tokens "
                "and filters × pixels + bias + position |"
            )
        except ValueError:
            lines.append("| linear start | not provable | this model prepares its tokens in more steps |")
        lines.append(
            "| likeness is not reading | no weights | cosine similarities have no row sums and say nothing about "
            "which token reads which |"
        )
        st.markdown("\n".join(lines))
