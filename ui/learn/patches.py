"""Page "Patches and tokens": the cut picture, one patch, the embedding, places, similarity, reach, a first map of attention."""

import math
from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings import Context
from tutorials.findings import patches as tokens
from ui.parts import components, controls, lesson, snippets, trust, widgets
from ui.parts.lesson import View
from ui.store import resources
from visualizer.figures import heatmap, overlay
from visualizer.figures import patch as patch_figure
from visualizer.measures.filters import principal_filters, tiles
from visualizer.measures.similarity import position_similarity
from visualizer.words import maps as words

HEIGHT = 400
"""Pixels of a figure that stands beside a step."""
COSINE, MOVED = "cosine similarity", "share of the token's length"
CENTRED, REACH_SCALE, CHANNEL = "centred", "reach_scale", "patches_channel"
"""Keys of the controls of single figures."""
COLOURS = "colours"

CODE = """from visualizer.figures.overlay import overlay
from visualizer.measures.similarity import cosine_similarity

tokens = model.hidden_states(picture)[layer + 1][record.maps[0].query.prefix :]
similar = cosine_similarity(tokens - tokens.mean(axis=0))
patch = PATCH
overlay(record.image, similar[patch].reshape(record.maps[0].query.grid), record.geometry, query=(patch,),
        unit="cosine similarity").show()
"""


def cut(now: Context) -> None:
    """The picture under its patch grid, ready to be clicked; the number of tokens, and what was cropped away."""
    (rows, columns), (height, width), special = now.grid, now.patch_size, now.axis.prefix
    _bare(now, "patches_picture", HEIGHT)
    geometry = now.record.geometry
    seen, steps = (geometry.seen, geometry.steps) if geometry else ((0, 0), ())
    st.caption(
        f"{seen[0]} × {seen[1]} pixels in patches of {width} × {height}: {rows} rows × {columns} columns = "
        f"{rows * columns} patches, and {special} special token{'s' * (special != 1)}: **{len(now.axis)} tokens**. "
        + (f"Before cutting: {'; '.join(steps)}." if steps else "The model sees the picture as it is.")
    )


def _bare(now: Context, key: str, height: int) -> None:
    geometry, truth = now.record.geometry, controls.truth_shown(now)
    place = f"row {now.chosen.row + 1}, column {now.chosen.column + 1}"
    look = {"query": (tokens.chosen_patch(now),), "truth": truth, "height": height}
    asked = (key, now.view, components.told(truth))
    components.chart(
        resources.figures(asked, lambda: overlay.bare(now.picture.image, now.grid, geometry, **look)),
        key,
        f"The picture under {now.grid[0]} by {now.grid[1]} patches; chosen: {place}.",
        components.pick_patches(now.grid[1]),
    )


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
    error = resources.once(("linear", now.model, now.picture.key), lambda: _linear_error(now))
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
    row, column = ((2 * at + 1) * size // (2 * n) for at, size, n in zip(_chosen(now), grid, now.grid, strict=True))
    kept = ("positions", now.model, row, column)
    values = resources.once(kept, lambda: position_similarity(table, grid, special)[row, column].copy())
    title = f"Position embeddings similar to row {row + 1}, column {column + 1}"
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
            "scene-vit's table started from a designed code: 12 of its 144 channels held waves along rows and "
            "columns that help heads find neighbours. It was then trained with the rest, so what you see is "
            "design and training together."
        )


def _chosen(now: Context) -> tuple[int, int]:
    return now.chosen.row, now.chosen.column


def _grid_of(places: int, grid: tuple[int, int]) -> tuple[int, int] | None:
    """Rows and columns of a table of that many places: the picture's own, or a square; None for neither."""
    side = math.isqrt(max(places, 0))
    return grid if places == grid[0] * grid[1] else (side, side) if side * side == places > 0 else None


def first(now: Context) -> None:
    """How similar the tokens are to the chosen patch's before any layer, the mean not subtracted."""
    values = tokens.likeness(now, 0)[tokens.chosen_patch(now)].reshape(now.grid)
    _on_picture(now, "patches_first", values, "Similar before layer 1", COSINE)


def _similar(now: Context, centred: bool) -> NDArray[np.float64]:
    found = tokens.likeness(now, now.chosen.layer + 1, centred)
    return found[tokens.chosen_patch(now)].reshape(now.grid)


def _centred() -> bool:
    return bool(st.session_state.get(CENTRED, True))


def _title(now: Context) -> str:
    return f"Similar after layer {now.chosen.layer + 1}" + ", mean subtracted" * _centred()


def deeper(now: Context) -> None:
    """How similar the tokens are to the chosen patch's after the chosen layer."""
    _on_picture(now, "patches_deeper", _similar(now, _centred()), _title(now), COSINE)


def _changed(now: Context) -> NDArray[np.float64]:
    return tokens.change(now)[now.chosen.layer + 1][now.axis.prefix :].reshape(now.grid)


def _reach_scale() -> str:
    return "raw" if st.session_state.get(REACH_SCALE) == "raw" else "log"


def reach(now: Context) -> None:
    """How far every token has moved after the chosen layer when the chosen patch is painted over."""
    title = f"Changed after layer {now.chosen.layer + 1}"
    _on_picture(now, "patches_reach", _changed(now), title, MOVED, _reach_scale())
    st.caption(resources.once(("own patch", now.view), lambda: tokens.only_own_patch(now).text))


def reading(now: Context) -> None:
    """What the chosen patch reads from every other: a first map of attention."""
    row = now.weights()[now.axis.prefix + tokens.chosen_patch(now)]
    title, special = f"Attention in layer {now.chosen.layer + 1}, {now.head_name()}", row[: now.axis.prefix].sum()
    _on_picture(now, "patches_reading", now.patch_map(row), title, "share of attention")
    st.caption(f"{special:.1%} of what this patch reads is on special tokens, which no patch shows.")


def _on_picture(now: Context, key: str, values: NDArray[np.float64], title: str, unit: str, scale: str = "raw") -> None:
    components.picture_map(
        now,
        key,
        values,
        title,
        unit=unit,
        query=(tokens.chosen_patch(now),),
        outlined="chosen patch",
        clickable=True,
        scale=scale,
        opacity=0.7,
        signed=unit == COSINE or None,  # 0 is the middle, also where nothing lies below it
        truth=controls.truth_shown(now),
        height=HEIGHT,
    )


def below(now: Context) -> None:
    """What can be checked about maps of tokens, and the code, commands and files that make them."""
    centred, alpha = _centred(), {"alpha": 0.7}
    components.in_words(words.describe(_similar(now, centred), name=_title(now), unit=COSINE))
    trust.draw("", resources.once(("tokens", now.view), lambda: facts(now)))
    commands = [
        snippets.command(now, "likeness" if centred else "plain-likeness", **alpha, **snippets.scaled("raw")),
        snippets.command(now, "painted", **alpha, **snippets.scaled(_reach_scale())),
    ]
    components.code(now, CODE.replace("PATCH", str(tokens.chosen_patch(now))), commands)
    files = {
        "Similarity (PNG)": ("patches.png", partial(_png, centred=centred, title=f"{now.model}: {_title(now)}")),
        "Similarity (CSV)": ("patches.csv", partial(_csv, centred=centred)),
        "Change (CSV)": ("patches-change.csv", lambda now: components.csv(_changed(now))),
    }
    components.downloads("patches", files, now=now)


def _png(now: Context, centred: bool, title: str) -> bytes:
    return components.png(now, _similar(now, centred), title, query=(tokens.chosen_patch(now),), unit=COSINE)


def _csv(now: Context, centred: bool) -> bytes:
    return components.csv(_similar(now, centred))


def facts(now: Context) -> list[trust.Fact]:
    """What can be checked about maps of tokens: there are no weights here, so the card of attention does not fit."""
    hidden, norms = now.run(tokens.hidden_states, now.model, now.picture), now.record.norms
    found = []
    if norms.shape == (len(hidden) - 1, hidden.shape[1]):
        gap = float(np.abs(np.linalg.norm(hidden[1:], axis=-1) / np.maximum(norms, 1e-12) - 1).max())
        meaning = (
            "largest relative difference of token lengths between the run shown here and the one that made the attention "
            "record"
        )
        found.append(("two runs agree", f"{gap:.1e}", meaning))
    error = _linear_error(now)
    linear = ("not provable", "this model prepares its tokens in more steps")
    if error is not None:
        meaning = "largest difference between the entering tokens and filters × pixels + bias + position"
        linear = (f"{error:.1e}", meaning)
    signs = "cosine similarities have no row sums and say nothing about which token reads which"
    return [*found, ("linear start", *linear), ("similar is not read", "no weights", signs)]


def _linear_error(now: Context) -> float | None:
    try:
        return tokens.linear_error(now)
    except ValueError:  # no table with one position a token, so the formula cannot be checked
        return None


def _channel(_now: Context) -> None:
    widgets.choice("Show", (COLOURS, *patch_figure.CHANNELS), CHANNEL)


def _common(_now: Context) -> None:
    tip = "All tokens share a large common part. Without it, only what tells patches apart is compared."
    widgets.toggle("Subtract the mean of all patches first", CENTRED, True, help=tip)


def _scale(_now: Context) -> None:
    widgets.choice("Colour scale", ("log", "raw"), REACH_SCALE)


PAGE = lesson.Page(
    "patches",
    {
        "cut": View(cut, ("patch",), controls.truth),
        "pixels": View(pixels, ("patch",), under=_channel),
        "embedding": View(embedding, ()),
        "positions": View(positions, ("patch",)),
        "first": View(first, ("patch",), controls.truth),
        "deeper": View(deeper, ("layer", "patch"), controls.truth, _common),
        "reach": View(reach, ("layer", "patch"), controls.truth, _scale),
        "reading": View(reading, ("layer", "patch"), controls.truth),
    },
    below,
)
