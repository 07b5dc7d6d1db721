"""Page "Patches and tokens": the cut picture, one patch, the embedding, places, likeness."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings import Context
from tutorials.findings import patches as tokens
from ui.parts import components, controls, lesson, snippets, trust
from ui.store import resources
from visualizer.figures import heatmap, overlay
from visualizer.figures import patch as patch_figure
from visualizer.measures.filters import principal_filters, tiles
from visualizer.measures.similarity import position_similarity
from visualizer.words import maps as words

ALIKE, CHANGED = "alike to the chosen patch", "changed when the chosen patch is painted over"

CODE = """from visualizer.figures.overlay import overlay
from visualizer.measures.similarity import cosine_similarity

tokens = model.hidden_states(picture)[layer + 1][record.maps[0].query.prefix :]
alike = cosine_similarity(tokens - tokens.mean(axis=0))
patch = PATCH
overlay(record.image, alike[patch].reshape(record.maps[0].query.grid), record.geometry, query=(patch,),
        unit="cosine similarity").show()
"""


def draw() -> None:
    """The whole page."""
    text, now = lesson.head("patches"), components.context()
    (rows, columns), (height, width), special = now.grid, now.patch_size, now.axis.prefix
    seen = now.record.geometry.seen if now.record.geometry else (0, 0)
    st.markdown(
        f"{seen[0]} × {seen[1]} pixels, cut into patches of {width} × {height}: {rows} rows × {columns} columns = "
        f"{rows * columns} patches, and {special} special token{'s' * (special != 1)}: **{len(now.axis)} tokens**."
    )
    lesson.action(text)
    left, right = st.columns(2)
    with left:
        cut_picture(now)
    with right:
        one_patch(now)
    st.header("From pixels to a token", anchor=False)
    embedding(now)
    st.header("Where am I? Position embeddings", anchor=False)
    positions(now)
    st.header("Before any layer", anchor=False)
    patch = tokens.chosen_patch(now)
    if lesson.predict(text, now):
        values = tokens.likeness(now, 0)[patch].reshape(now.grid)
        _on_picture(now, "patches_first", values, "Alike before layer 1", "cosine similarity")
    st.header("Deeper: what a patch comes to know", anchor=False)
    st.markdown(f"After layer {now.chosen.layer + 1}, chosen in the sidebar. Move the layer from 1 upwards and watch.")
    values, title, unit, command = deeper(now)
    trust.draw("", facts(now))
    lesson.check(text, now)
    lesson.rest(text, now)
    components.code(now, CODE.replace("PATCH", str(patch)), [command])
    name = f"{now.model}: {title}"
    components.downloads(
        "patches",
        {
            "Map (PNG)": ("patches.png", lambda: components.png(now, values, name, query=(patch,), unit=unit)),
            "Map (CSV)": ("patches.csv", lambda: components.csv(values)),
        },
    )


def cut_picture(now: Context) -> None:
    """The picture under its patch grid, ready to be clicked, and what was resized or cropped away."""
    geometry, key, truth = now.record.geometry, "patches_picture", controls.truth(now)
    place = f"row {now.chosen.row + 1}, column {now.chosen.column + 1}"
    components.chart(
        overlay.bare(now.picture.image, now.grid, geometry, query=(tokens.chosen_patch(now),), truth=truth),
        key,
        f"The picture under {now.grid[0]} by {now.grid[1]} patches; chosen: {place}.",
        components.pick_patches(key, now.grid[1]),
    )
    components.query_arrows()
    steps = "; ".join(geometry.steps) if geometry else ""
    st.caption(f"Before cutting: {steps}." if steps else "The model sees the picture as it is.")


@st.fragment
def one_patch(now: Context) -> None:
    """The chosen patch pixel by pixel."""
    shown = st.segmented_control(
        "Show", ["colours", *patch_figure.CHANNELS], default="colours", key="patches_channel", required=True
    )
    pixels, title = tokens.patch_pixels(now), f"Patch row {now.chosen.row + 1}, column {now.chosen.column + 1}"
    mean = ", ".join(
        f"{name} {value:.0f}" for name, value in zip(patch_figure.CHANNELS, pixels.mean(axis=(0, 1)), strict=True)
    )
    components.chart(
        patch_figure.pixels(pixels, shown if shown in patch_figure.CHANNELS else None, title=title),
        "patches_pixels",
        f"{title}, enlarged; mean {mean} of 255.",
    )
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
    error = _linear_error(now)
    st.caption(
        "This model prepares its tokens in more steps, so the formula cannot be checked number by number."
        if error is None
        else "Proof: filters × pixels + one bias for all + position embedding gives the tokens that enter layer 1; "
        f"the largest difference over all patches and numbers is {error:.1e}."
    )


def positions(now: Context) -> None:
    """How alike the position embedding of the chosen place is to all others."""
    table = now.run(tokens.position_table, now.model, None)
    if table is None or len(table) != len(now.axis):
        st.info(
            "This model has no learned position of its own for each token of this picture (no table, or one of another size that is "
            "interpolated), so there is nothing to compare."
        )
        return
    values = position_similarity(table, now.grid, now.axis.prefix)[now.chosen.row, now.chosen.column]
    title, unit = f"Positions alike to row {now.chosen.row + 1}, column {now.chosen.column + 1}", "cosine similarity"
    components.chart(
        heatmap.signed(values, limit=1.0, query=(tokens.chosen_patch(now),), unit=unit, title=title),
        "patches_positions",
        words.describe(values, name=title, unit=unit),
    )
    if now.model == resources.BUNDLED_MODEL:
        st.caption(
            "scene-vit's table started from a designed code: 12 of its 144 channels held waves along rows and "
            "columns that help heads find neighbours. It was then trained with the rest, so what you see is "
            "design and training together."
        )


def deeper(now: Context) -> tuple[NDArray[np.float64], str, str, str]:
    """Likeness, or the reach of one painted patch, after the chosen layer: the map, its title, unit and command."""
    depth, scale, unit = now.chosen.layer + 1, "raw", "cosine similarity"
    if controls.choice("Map", (ALIKE, CHANGED), "reach") == CHANGED:
        method, title, unit = "painted", f"Changed after layer {depth}", "share of the token's length"
        values = tokens.change(now)[depth][now.axis.prefix :].reshape(now.grid)
        st.caption(
            "The chosen patch is painted black (white if it is dark) and the model runs again. Colours show how "
            "far every token moves."
        )
        picked = st.segmented_control("Colour scale", ("log", "raw"), default="log", key="reach_scale", required=True)
        scale = "log" if picked == "log" else "raw"
    else:
        centred = st.toggle(
            "Subtract the mean of all patches first",
            value=True,
            key="centred",
            help="All tokens share a large common part. Without it, only what tells patches apart is compared.",
            **controls.KEEP,
        )
        method = "likeness" if centred else "plain-likeness"
        title = f"Alike after layer {depth}" + (", mean subtracted" if centred else "")
        values = tokens.likeness(now, depth, bool(centred))[tokens.chosen_patch(now)].reshape(now.grid)
    _on_picture(now, "patches_deeper", values, title, unit, scale)
    return values, title, unit, snippets.command(now, method, alpha=0.7, **snippets.scaled(scale))


def _on_picture(now: Context, key: str, values: NDArray[np.float64], title: str, unit: str, scale: str = "raw") -> None:
    components.picture_map(
        now,
        key,
        values,
        title,
        unit=unit,
        query=(tokens.chosen_patch(now),),
        clickable=True,
        scale=scale,
        opacity=0.7,
        signed=unit == "cosine similarity" or None,  # 0 is the middle, also where nothing lies below it
    )


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
    return [*found, ("linear start", *linear), ("likeness is not reading", "no weights", signs)]


def _linear_error(now: Context) -> float | None:
    try:
        return tokens.linear_error(now)
    except ValueError:  # no table with one position a token, so the formula cannot be checked
        return None
