"""Page "Layers": one map through depth, all layers side by side, and the curves of what changes."""

from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings import Context
from tutorials.findings.heads import chance_distance
from tutorials.findings.layers import EDGES_MATTER, edge_correlation, mass_by_layer
from ui.frame import state
from ui.parts import components, controls, lesson, scrub, snippets, trust, widgets
from ui.parts.lesson import View
from visualizer import attention_distance, entropy
from visualizer.export import files as export
from visualizer.figures import heatmap, mosaic, overlay
from visualizer.figures.sinks import length_curves
from visualizer.figures.summary import curves
from visualizer.measures.ranks import ranks
from visualizer.measures.sinks import special_share
from visualizer.style.scale import Scale
from visualizer.words import maps as words
from visualizer.words.sinks import describe_lengths
from vit_attention.records import Axis

HEIGHT = 400
"""Pixels of a figure that stands beside a step."""

MODES = ("per map", "shared", "log", "clipped")

CODE = """import numpy as np
from visualizer import entropy
from visualizer.figures.animation import layer_animation

axis = record.maps[0].query
rows = np.stack([one.mean(axis=0)[query] if head is None else one[head, query] for one in record.layers])
layers = slice(FIRST, END)
print(entropy(rows))  # bits
maps = rows[layers, axis.prefix :].reshape(-1, *axis.grid)
layer_animation(record.image, maps, record.geometry, scale="SCALE").show()
"""


def one_layer(now: Context) -> None:
    """The chosen layer's map on the picture; it follows the layer's slider in the browser."""
    caption = f"Asked by {now.query_name()}. Each layer has a colour scale of its own here."
    scrub.map_that_follows(now, "layers_map", caption, HEIGHT)


def stream(now: Context) -> tuple[Any, ...]:
    """How long the tokens are after every layer: what the residual stream carries."""
    if not now.record.norms.size:
        return ("The lengths of the tokens were not measured for this record.",)
    norms, title = now.record.norms, "Length of the tokens after every layer"
    return length_curves(norms, now.axis.special, title=title, height=HEIGHT), describe_lengths(norms, now.axis.prefix)


def picture(now: Context) -> tuple[Any, str]:
    """The picture without a map, its true objects outlined."""
    truth = None if now.picture.scene is None else now.picture.scene.mask
    figure = overlay.bare(
        now.picture.image,
        now.grid,
        now.record.geometry,
        query=controls.query_patches(now),
        truth=truth,
        title="The picture, no map yet",
        height=HEIGHT,
    )
    return figure, f"The picture {now.picture.title}, without a map."


def shares(now: Context) -> tuple[Any, str]:
    """Where the weight goes, layer by layer: special tokens, and objects where they are known."""
    lines = {"on special tokens, of the whole row": special_share(now.chosen_rows(), now.axis.prefix)}
    mass, reference = mass_by_layer(now), {}
    if mass is not None and now.truth is not None:
        lines["on objects, of the weight on patches"] = mass
        reference[f"chance for objects: {float(now.truth.mean()):.1%}"] = float(now.truth.mean())
    figure = curves(lines, "share", limits=(0, 1.03), reference=reference, title="Where the weight goes", height=HEIGHT)
    said = ". ".join(f"Share {name}: {_listed(values, '{:.1%}')}" for name, values in lines.items())
    return figure, said


def edges(now: Context) -> tuple[Any, str]:
    """How far each layer's map follows the picture's edges."""
    found = edge_correlation(now)
    figure = curves(
        {"the map and the strength of edges": found},
        "rank correlation over the patches",
        limits=(-1, 1),
        reference={f"the claim's bar: {EDGES_MATTER}": EDGES_MATTER},
        title="Does the map follow edges?",
        height=HEIGHT,
    )
    return figure, f"Rank correlation with edges: {_listed(found, '{:+.2f}')}."


def snapshots(now: Context) -> None:
    """The maps of the layers shown side by side; a click chooses the layer."""
    layers, scale = shown(now), controls.scale_shown("layers", MODES)
    pick = partial(components.pick_number, state.LAYER, first=layers[0])
    components.kept(now, "layers_snapshots", _snapshots, layers, scale, pick=pick)


def _snapshots(now: Context, layers: list[int], scale: Scale) -> tuple[Any, str]:
    rows = now.chosen_rows()[layers]
    bits = entropy(rows)
    said = "; ".join(f"layer {n + 1} {b:.2f} bits" for n, b in zip(layers, bits, strict=True))
    figure = mosaic.head_grid(
        now.patch_map(rows),
        names=[f"layer {n + 1}" for n in layers],
        captions=[f"{b:.1f} bits" for b in bits],
        scale=scale,
        per_row=4,
        clickable=True,
        chosen=layers.index(now.chosen.layer) if now.chosen.layer in layers else None,
        title=f"{now.head_name().capitalize()}, asked by {now.query_name()}",
        height=HEIGHT,
    )
    return figure, f"Maps of {len(layers)} layers side by side. Entropy: {said}."


def numbers(now: Context) -> None:
    """Entropy of the asking token's row, and its attention distance, layer by layer.

    The class token stands nowhere, so its distance is that of all patches.
    """
    for place, key, make in zip(st.columns(2), ("layers_entropy", "layers_distance"), (_spread, _far), strict=True):
        with place:
            components.kept(now, key, make)


def _spread(now: Context) -> tuple[Any, str]:
    bits, most = entropy(now.chosen_rows()), float(np.log2(len(now.axis)))
    look: dict[str, Any] = {"limits": (0, most * 1.06), "reference": {f"largest possible: {most:.2f} bits": most}}
    figure = curves({"entropy": bits}, "bits", title="How spread out the row is", height=360, **look)
    return figure, "Entropy in bits: " + _listed(bits, "{:.2f}")


def _far(now: Context) -> tuple[Any, str]:
    far, even = distances(now)
    who = now.query_name() if controls.query_patches(now) else "mean over all patches"
    figure = curves(
        {f"distance, {who}": far},
        "pixels of the model's input",
        reference={f"evenly spread: {even:.0f} pixels": even},
        title="Mean attention distance",
        height=360,
    )
    return figure, f"Attention distance in pixels, {who}: " + _listed(far, "{:.0f}")


def distances(now: Context) -> tuple[NDArray[np.float64], float]:
    """(layers,) attention distance of the chosen head in pixels, and that of evenly spread weights.

    Both are of the asking patches, else the mean over all.
    """
    head, patches, found = now.chosen.head, list(controls.query_patches(now)) or slice(None), []
    for heads in map(now.heads, range(len(now.record.maps))):
        one = heads.mean(axis=0) if head is None or head >= len(heads) else heads[head]
        found.append(_each_distance(now, one[None])[patches])
    if patches == slice(None):
        return np.nanmean(found, axis=1), chance_distance(now)
    even = np.full((1, len(now.axis), len(now.axis)), 1 / len(now.axis))
    return np.nanmean(found, axis=1), float(_each_distance(now, even)[patches].mean())


def _each_distance(now: Context, weights: NDArray[Any]) -> NDArray[np.float64]:
    """(patches,) attention distance in pixels of every patch in (1, tokens, tokens) weights."""
    return attention_distance(weights, now.grid, now.axis.prefix, now.patch_size, per_query=True)[0]


def likeness(now: Context) -> tuple[Any, str]:
    """How similar the maps of every two layers are."""
    maps = now.chosen_rows()[:, now.axis.prefix :]
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.atleast_2d(np.corrcoef([ranks(one) for one in maps]))
    axis = Axis.text([str(n + 1) for n in range(len(maps))])
    title = "Maps of every two layers compared"
    figure = heatmap.matrix(values, axis, axis, unit="rank correlation", title=title, height=HEIGHT)
    figure.update_xaxes(title_text="layer", tickangle=0).update_yaxes(title_text="layer")
    figure.data[0].update(
        hovertemplate="layers %{customdata[0]} and %{customdata[1]}: %{z:.2f}<extra></extra>",
        customdata=np.moveaxis(np.indices(values.shape) + 1, 0, -1),
    )
    return figure, f"Rank correlation of each layer's map with the next: {_listed(np.diagonal(values, 1))}."


def _listed(values: NDArray[np.float64], form: str = "{:.2f}") -> str:
    return ", ".join(f"layer {n + 1} {form.format(value)}" for n, value in enumerate(values))


def shown(now: Context, place: Any = None) -> list[int]:
    """The layers that the reader wants to see, numbered from 0, in order; with a `place`, their control is drawn."""
    first, last = widgets.span("Layers shown", 1, len(now.record.maps), "layers_range", place=place)
    return list(range(first - 1, last))


def below(now: Context) -> None:
    """What can be checked, the code and the files of the layers shown."""
    layers, scale, truth = shown(now), controls.scale_shown("layers", MODES), controls.truth_shown(now)
    components.in_words(words.describe(now.patch_map(), name=controls.map_name(now)))
    trust.card(now, now.patch_map(), now.row(), controls.map_name(now))
    code = CODE.replace("FIRST", str(layers[0])).replace("END", str(layers[-1] + 1)).replace("SCALE", scale.mode)
    components.code(now, code, [command(now, layers, scale, truth is not None)], snippets.note(scale.mode))
    kinds = {"gif": "Animation (GIF)", "webp": "Animation (WebP)", "zip": "Pictures (ZIP of PNG)"}
    films = {
        label: (f"layers.{kind}", partial(film, layers=layers, scale=scale, truth=truth, kind=kind))
        for kind, label in kinds.items()
    }
    components.downloads("layers", {**films, "Curves (CSV)": ("layers.csv", curves_csv)}, now=now)


def command(now: Context, layers: list[int], scale: Scale, truth: bool) -> str:
    """The chosen head through the layers shown, a picture each on one scale."""
    numbers = [now.record.maps[n].layer for n in layers]
    span = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
    every = len(layers) == len(now.record.maps)
    return snippets.command(now, layer=None if every else span, truth=truth, **snippets.scaled(scale))


def film(now: Context, layers: list[int], scale: Scale, truth: NDArray[np.bool_] | None, kind: str) -> bytes:
    """The chosen layers as "gif", "webp" or "zip" of PNG pictures."""
    make = {"gif": export.layers_gif, "webp": export.layers_webp, "zip": export.layers_zip}[kind]
    return make(
        now.picture.image,
        now.patch_map(now.chosen_rows()[layers]),
        now.record.geometry,
        f"{now.model}, {now.head_name()}, {now.query_name()}",
        names=[f"layer {n + 1} of {len(now.record.maps)}" for n in layers],
        scale=scale,
        query=controls.query_patches(now),
        truth=truth,
    )


def curves_csv(now: Context) -> bytes:
    """Every curve of the page, one line per layer; the weight on objects is empty where they are not known."""
    rows, mass = now.chosen_rows(), mass_by_layer(now)
    objects = [""] * len(rows) if mass is None else mass
    columns = zip(entropy(rows), distances(now)[0], special_share(rows, now.axis.prefix), objects, strict=True)
    lines = [",".join(map(str, (n, *numbers))) for n, numbers in enumerate(columns, start=1)]
    return "\n".join(["layer,entropy_bits,distance_pixels,special_share,share_on_objects", *lines, ""]).encode()


def _snapshots_look(now: Context) -> None:
    controls.scale("layers", MODES)
    shown(now, st)


WHO = ("head", "query")
PAGE = lesson.Page(
    "layers",
    {
        "one layer": View(one_layer, look=controls.truth),
        "stream": View(components.shown("layers_stream", stream), ()),
        "picture": View(components.shown("layers_picture", picture), WHO),
        "shares": View(components.shown("layers_shares", shares), WHO),
        "edges": View(components.shown("layers_edges", edges), WHO),
        "snapshots": View(snapshots, WHO, _snapshots_look),
        "curves": View(numbers, WHO),
        "likeness": View(components.shown("layers_likeness", likeness), WHO),
    },
    below,
)
