"""A picture on its way to tokens: the grid, one patch's pixels, the patch embedding's filters, positions."""

import math
from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings import Context
from tutorials.findings import patches as tokens
from ui.parts import components, controls, widgets
from ui.store import resources
from visualizer.figures import heatmap, overlay
from visualizer.figures import patch as patch_figure
from visualizer.measures.filters import principal_filters, tiles
from visualizer.measures.similarity import position_similarity
from visualizer.words import maps as words

HEIGHT = 380
"""Pixels of a figure that stands beside a step."""
COSINE, CHANNEL, COLOURS = "cosine similarity", "patches_channel", "colours"


def cut(now: Context) -> None:
    """The picture under its patch grid, ready to be clicked; the number of tokens, and what was cropped away."""
    (rows, columns), (height, width), special = now.grid, now.patch_size, now.axis.prefix
    _bare(now, "patches_picture", HEIGHT)
    geometry = now.record.geometry
    seen, steps = (geometry.seen, geometry.steps) if geometry else ((0, 0), ())
    # A crop at 0, 0 to the size that the picture already has cuts nothing away.
    steps = tuple(one.replace("x", " × ") for one in steps if one != f"crop {seen[0]}x{seen[1]} at 0, 0")
    st.caption(
        f"{seen[0]} × {seen[1]} pixels in patches of {width} × {height}: {rows} rows × {columns} columns = "
        f"{rows * columns} patches, and {special} special token{'s' * (special != 1)}: **{len(now.axis)} tokens**. "
        + (f"Before cutting: {'; '.join(steps)}." if steps else "The model sees the picture as it is.")
    )


def _bare(now: Context, key: str, height: int) -> None:
    pick = components.pick_patches(now.grid[1])
    components.kept(now, key, _bare_figure, controls.truth_shown(now), height, pick=pick)


def _bare_figure(now: Context, truth: Any, height: int) -> tuple[Any, str]:
    query, said = (tokens.chosen_patch(now),), f"The picture under {now.grid[0]} by {now.grid[1]} patches; chosen: "
    look: dict[str, Any] = {"query": query, "outlined": "chosen patch", "truth": truth, "height": height}
    figure = overlay.bare(now.picture.image, now.grid, now.record.geometry, **look)
    return figure, f"{said}row {now.chosen.row + 1}, column {now.chosen.column + 1}."


def pixels(now: Context) -> None:
    """The chosen patch pixel by pixel, beside the picture from which it is chosen."""
    left, right = st.columns(2)
    with left:
        _bare(now, "patches_small", 330)
    shown = st.session_state.get(CHANNEL, COLOURS)
    patch, title = tokens.patch_pixels(now), f"Patch row {now.chosen.row + 1}, column {now.chosen.column + 1}"
    means = zip(patch_figure.CHANNELS, patch.mean(axis=(0, 1)), strict=True)
    mean = ", ".join(f"{name} {value:.0f}" for name, value in means)
    channel = shown if shown in patch_figure.CHANNELS else None
    with right:
        figure = patch_figure.pixels(patch, channel, title=title, height=330)
        components.chart(figure, "patches_pixels", f"{title}, enlarged; mean {mean} of 255.")
    height, width, _ = patch.shape
    size = len(now.run(tokens.patch_filters, now.model, None))
    st.markdown(
        f"{height} × {width} pixels × 3 colours = **{patch.size} numbers** go in, one token of **{size} numbers** "
        f"comes out. Mean: {mean} of 255."
    )


def embedding(now: Context) -> None:
    """The filters of the linear patch embedding, and the proof that a token is nothing more at first."""
    filters = now.run(tokens.patch_filters, now.model, None)
    patterns, share = resources.once(("filters", now.model), lambda: principal_filters(filters, 28))
    st.image(
        tiles(patterns, columns=7, zoom=max(1, 76 // filters.shape[-1])),
        alt=f"{len(patterns)} small patterns; the first ones are the strongest.",
    )
    st.caption(
        f"The {len(patterns)} strongest principal components of all {len(filters)} filters, strongest first; every filter is a "
        f"mixture of such patterns. The first holds {share[0]:.0%} of the filters' summed squares, all shown together "
        f"{share.sum():.0%}. Mid grey is weight 0; each tile is scaled by its own largest weight (up to "
        f"{np.abs(patterns).max():.2f}, no unit)."
    )
    error = resources.once(("linear", now.model, now.picture.key), lambda: linear_error(now))
    st.caption(
        "This model prepares its tokens in more steps, so the formula cannot be checked number by number."
        if error is None
        else "Proof: filters × pixels + one bias for all + position embedding gives the tokens that enter layer 1; "
        f"the largest difference over all patches and numbers is {error:.1e}."
    )


def positions(now: Context) -> None:
    """How similar the position embedding of the chosen place is to all others."""
    table, special = now.run(tokens.position_table, now.model, None), now.axis.prefix
    grid = None if table is None else _grid_of(len(table) - special, now.grid)
    if grid is None:
        st.info("This model has no table with one learned position for each place, so there is nothing to compare.")
        return
    # The place of the table that lies where the chosen patch lies.
    chosen = (now.chosen.row, now.chosen.column)
    row, column = ((2 * at + 1) * size // (2 * n) for at, size, n in zip(chosen, grid, now.grid, strict=True))
    kept = ("positions", now.model, row, column)
    values = resources.once(kept, lambda: position_similarity(table, grid, special)[row, column].copy())
    title = f"Positions similar to row {row + 1}, column {column + 1}"
    own = grid == now.grid
    figure = heatmap.signed(
        values,
        limit=1.0,
        query=(row * grid[1] + column,),
        outlined="chosen place",
        clickable=own,
        unit=COSINE,
        title=title,
        height=HEIGHT,
    )
    pick = components.pick_patches(grid[1]) if own else None
    components.chart(figure, "patches_positions", words.describe(values, name=title, unit=COSINE), pick)
    if not own:
        st.caption(
            f"The model's table has {grid[0]} × {grid[1]} places; for this picture it is interpolated to {now.grid[0]} × "
            f"{now.grid[1]}. The table itself is shown, at the place of the chosen patch."
        )
        return
    st.caption(resources.once(("neighbours", now.model), lambda: tokens.neighbours_positions(now).text))
    if now.model == resources.BUNDLED_MODEL:
        st.caption(
            "scene-vit's table started from a designed code, waves along rows and columns in 12 of its 144 channels, and was then "
            "trained (see Careful)."
        )


def _grid_of(places: int, grid: tuple[int, int]) -> tuple[int, int] | None:
    """Rows and columns of a table of that many places: the picture's own, or a square; None for neither."""
    side = math.isqrt(max(places, 0))
    return grid if places == grid[0] * grid[1] else (side, side) if side * side == places > 0 else None


def linear_error(now: Context) -> float | None:
    """How far entering tokens are from filters × pixels + bias + position; None where that cannot be checked."""
    try:
        return tokens.linear_error(now)
    except ValueError:  # no table with one position a token, so the formula cannot be checked
        return None


def channel(_now: Context) -> None:
    """Draw the choice of what is shown of a patch's pixels."""
    widgets.choice("Show", (COLOURS, *patch_figure.CHANNELS), CHANNEL)
