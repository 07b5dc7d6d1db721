"""Page "Heads": the grid of a layer, the chosen map, all heads at once, and how similar they are."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings import Context
from tutorials.findings.head_kinds import in_words
from tutorials.findings.heads import chance_distance, layer_distance, statistic
from tutorials.findings.kinds_measured import COMPARED, KINDS, precomputed
from ui.frame import state
from ui.parts import components, controls, lesson, scrub, snippets, trust, widgets
from ui.parts.lesson import View
from visualizer import entropy
from visualizer.figures import heatmap, mosaic, summary
from visualizer.figures.head_kinds import preference_grid
from visualizer.measures.similarity import METRICS, head_similarity
from visualizer.measures.summary import STATISTICS
from visualizer.style.scale import Scale
from visualizer.words import maps as words
from vit_attention.records import Axis

HEIGHT = 440
"""Pixels of a figure that stands beside a step."""

KIND = "heads_kind"
"""Key of the kind of heads that is looked for."""

MODES = ("per map", "shared", "log", "clipped")

CODE = """from visualizer import attention_distance
from visualizer.figures.mosaic import head_grid

axis = record.maps[layer].query
maps = weights[:, query, axis.prefix :].reshape(-1, *axis.grid)
width, height = record.geometry.seen
distance = attention_distance(weights, axis.grid, axis.prefix, (height // axis.grid[0], width // axis.grid[1]))
head_grid(maps, captions=[f"{d:.0f} px" for d in distance], scale="SCALE", chosen=head).show()
"""


def grid(now: Context, scale: Scale) -> tuple[Any, str, str]:
    """All heads of the chosen layer, each with entropy and distance; a click chooses the head."""
    rows, far = now.asking_rows()[now.chosen.layer], layer_distance(now, now.chosen.layer)
    bits, maps = entropy(rows), now.patch_map(rows)
    name = "Head {}, entropy of the whole row {:.2f} bits, mean distance {:.1f} pixels".format
    return (
        mosaic.head_grid(
            maps,
            captions=[f"{b:.1f} bits, {d:.0f} px" for b, d in zip(bits, far, strict=True)],
            scale=scale,
            chosen=now.chosen.head,
            clickable=True,
            title=f"All heads of layer {now.chosen.layer + 1}",
            height=HEIGHT,
        ),
        "\n".join(words.describe(one, name=name(h + 1, bits[h], far[h]), strongest=1) for h, one in enumerate(maps)),
        f"Asked by {now.query_name()}. Under each name: entropy of that row in bits (special tokens included), and the "
        "head's mean attention distance over all patches, in pixels of the model's input (px).",
    )


def chosen(now: Context) -> None:
    """The chosen head's map large on the picture."""
    special = float(now.row()[: now.axis.prefix].sum())
    caption = (
        f"{special:.1%} of this row is on special tokens, which have no patch. Click a patch to make it the query."
    )
    scrub.map_that_follows(now, "heads_chosen", caption, HEIGHT)


def first_layer(now: Context) -> None:
    """The distances of layer 1 beside that of a head that gives every patch the same weight."""
    far = layer_distance(now, 0)
    components.bar_chart(
        "heads_first",
        [*((f"head {h + 1}", one) for h, one in enumerate(far)), ("evenly spread", chance_distance(now))],
        "mean distance in pixels",
        "{} {:.1f} pixels",
        ("Mean attention distance in layer 1: ", "."),
        chosen=len(far),
        title="Mean attention distance of the heads of layer 1",
    )


def _chosen(now: Context) -> tuple[int, int] | None:
    return None if now.chosen.head is None else (now.chosen.layer, now.chosen.head)


def atlas(now: Context, scale: Scale) -> tuple[Any, str]:
    """Every head of every layer as a map; a click chooses one."""
    rows = now.asking_rows()
    title = f"All heads, asked by {now.query_name()}"
    said = words.describe_grid([entropy(one) for one in rows], "Entropy of the asking token's row", "bits")
    figure = mosaic.atlas([now.patch_map(one) for one in rows], scale=scale, chosen=_chosen(now), title=title)
    return figure, f"{title}. {said}"


def number(now: Context) -> None:
    """Every head of every layer as one number; a click chooses one."""
    name = str(st.session_state["heads_statistic"])
    components.kept(now, "heads_summary", _summary, name, pick=components.pick_head)
    if name == "distance":
        _extremes(now)


def _summary(now: Context, name: str) -> tuple[Any, str, str]:
    values, unit = statistic(now, name), STATISTICS[name].unit
    figure = summary.head_summary(values, name, unit, chosen=_chosen(now), title=f"{name.capitalize()} of every head")
    return figure, words.describe_grid(values, name.capitalize(), unit), STATISTICS[name].meaning


def _extremes(now: Context) -> None:
    far = statistic(now, "distance")
    low, high = (np.unravel_index(int(at), far.shape) for at in (np.nanargmin(far), np.nanargmax(far)))
    st.markdown(
        f"Smallest: **layer {low[0] + 1}, head {low[1] + 1}**, {far[low]:.1f} pixels. "
        f"Largest: **layer {high[0] + 1}, head {high[1] + 1}**, {far[high]:.1f} pixels. "
        f"Evenly spread weights: {chance_distance(now):.1f} pixels."
    )


def likeness(now: Context, metric: str) -> tuple[Any, str, str]:
    """How similar the whole maps of every two heads of the chosen layer are."""
    values = head_similarity(now.heads(now.chosen.layer), metric)
    axis, title = Axis.text([str(h + 1) for h in range(len(values))]), f"Heads of layer {now.chosen.layer + 1}"
    figure = heatmap.matrix(
        values, axis, axis, unit=f"{metric} similarity", title=f"{title}: whole maps compared", height=HEIGHT
    )
    figure.update_xaxes(title_text="head", tickangle=0).update_yaxes(title_text="head")
    figure.data[0].update(
        hovertemplate="heads %{customdata[0]} and %{customdata[1]}: %{z:.2f}<extra></extra>",
        customdata=np.moveaxis(np.indices(values.shape) + 1, 0, -1),
    )
    pairs, said = np.where(np.eye(len(values), dtype=bool), np.nan, values), "This layer has a single head."
    if len(values) > 1:
        one, two = np.unravel_index(int(np.nanargmax(pairs)), pairs.shape)
        said = (
            f"Most similar: heads {one + 1} and {two + 1} with {pairs[one, two]:.2f}; median of all pairs "
            f"{np.nanmedian(pairs):.2f}. 1 is the same map."
        )
    return figure, said, said


def kinds(now: Context, kind: str) -> tuple[Any, ...]:
    """What every head prefers on many pictures, as it was measured; a click chooses a head."""
    found, title = precomputed(now.model, kind), f"Preference of {now.model}'s heads: {kind}"
    if found is None:
        return (f"The kinds of heads were measured for the bundled models of pictures, not for {now.model}.",)
    look: dict[str, Any] = {"level": found.level, "chosen": _chosen(now), "title": title, "height": HEIGHT}
    figure = preference_grid(found.values, found.passed, COMPARED[kind], **look)
    return figure, in_words(found), in_words(found)


def below(now: Context) -> None:
    """What can be checked, the code and the files of the chosen map."""
    scale = controls.scale_shown("heads")
    maps, truth = now.patch_map(now.asking_rows()[now.chosen.layer]), controls.truth_shown(now)
    # The mean of all heads is no map of the layer's grid, so its scale is its own.
    own = Scale("raw") if now.chosen.head is None and scale.mode == "shared" else scale
    components.in_words(words.describe(now.patch_map(), name=controls.map_name(now)))
    trust.card(now, now.patch_map(), now.row(), controls.map_name(now))
    shown = {"truth": truth is not None, **snippets.FADED, **snippets.scaled(own, maps)}
    every = {"head": None, "avg_heads": False, **snippets.scaled(scale)}
    commands = [snippets.command(now, **shown), snippets.command(now, **every)]
    components.code(now, CODE.replace("SCALE", scale.mode), commands, snippets.note(scale.mode))
    title, look = f"{now.model}, {controls.map_name(now)}", {"truth": truth, "scale": scale, "together": maps}
    files: dict[str, tuple[str, Callable[..., bytes]]] = {
        "Chosen map (PNG)": ("heads.png", partial(_png, title=title, **look)),
        "Chosen map (CSV)": ("heads.csv", lambda now: components.csv(now.patch_map())),
        "Distances (CSV)": ("heads-distance.csv", distances_csv),
    }
    components.downloads("heads", files, now=now)


def _png(now: Context, title: str, **look: Any) -> bytes:
    return components.png(now, now.patch_map(), title, query=controls.query_patches(now), **look)


def distances_csv(now: Context) -> bytes:
    """Mean attention distance of every head, one line per head, layer and head counted from 1."""
    far = np.ndenumerate(statistic(now, "distance"))
    lines = [f"{layer + 1},{head + 1},{value}\n" for (layer, head), value in far if np.isfinite(value)]
    return ("layer,head,distance_pixels\n" + "".join(lines)).encode()


def _metric(_now: Context) -> None:
    tip = "cosine: strong weights decide. jensen-shannon: 1 minus the divergence in bits, all queries count the same."
    widgets.menu("Compare by", METRICS, "heads_metric", help=tip)


PAGE = lesson.Page(
    "heads",
    {
        "grid": View(
            components.shown(
                "heads_grid",
                grid,
                lambda now: controls.scale_shown("heads"),
                pick=partial(components.pick_number, state.HEAD),
            ),
            look=lambda _now: controls.scale("heads"),
        ),
        "chosen": View(chosen, look=controls.truth),
        "first layer": View(first_layer, ()),
        "atlas": View(
            components.shown(
                "heads_atlas",
                atlas,
                lambda now: controls.scale_shown("heads_atlas", MODES),
                pick=components.pick_head,
            ),
            look=lambda _now: controls.scale("heads_atlas", MODES),
        ),
        "number": View(
            number,
            ("layer", "head"),
            under=lambda _now: widgets.menu("Statistic", tuple(STATISTICS), "heads_statistic", "distance"),
        ),
        "kinds": View(
            components.shown("heads_kinds", kinds, lambda now: str(st.session_state[KIND]), pick=components.pick_head),
            (),
            under=lambda _now: widgets.choice("Kind of heads", KINDS, KIND),
        ),
        "likeness": View(
            components.shown("heads_likeness", likeness, lambda now: str(st.session_state["heads_metric"])),
            ("layer",),
            under=_metric,
        ),
    },
    below,
)
