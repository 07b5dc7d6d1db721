"""Page "Layers": the range, the animation, the snapshots, the curves through depth."""

from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings import Context
from tutorials.findings.heads import chance_distance
from tutorials.findings.layers import mass_by_layer
from ui.frame import state
from ui.parts import components, controls, lesson, snippets, trust
from visualizer import attention_distance, entropy
from visualizer.export import files as export
from visualizer.figures import animation, mosaic
from visualizer.figures.summary import curves
from visualizer.measures.sinks import special_share
from visualizer.style.scale import Scale
from visualizer.words import maps as words

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


def draw() -> None:
    """The whole page."""
    text, now = lesson.head("layers"), components.context()
    lesson.action(text)
    layers, scale, truth = shown(now), controls.scale("layers"), controls.truth(now)
    left, right = st.columns(2)
    with left:
        play(now, layers, scale, truth)
    with right:
        snapshots(now, layers, scale)
        controls.steps(now, "layers")
    trust.card(now, now.patch_map(), now.row(), controls.map_name(now))
    st.header("In numbers", anchor=False)
    numbers(now)
    st.header("And the object?", anchor=False)
    if lesson.predict(text, now):
        shares(now)
    lesson.check(text, now)
    lesson.rest(text, now)
    components.code(
        now,
        CODE.replace("FIRST", str(layers[0])).replace("END", str(layers[-1] + 1)).replace("SCALE", scale.mode),
        [command(now, layers, scale, truth is not None)],
        snippets.note(scale.mode),
    )
    components.downloads(
        "layers",
        {
            "Animation (GIF)": ("layers.gif", lambda: film(now, layers, scale, truth, "gif")),
            "Animation (WebP)": ("layers.webp", lambda: film(now, layers, scale, truth, "webp")),
            "Pictures (ZIP of PNG)": ("layers.zip", lambda: film(now, layers, scale, truth, "zip")),
            "Curves (CSV)": ("layers.csv", lambda: curves_csv(now)),
        },
    )


def command(now: Context, layers: list[int], scale: Scale, truth: bool) -> str:
    """The chosen head through the layers shown, a picture each on one scale."""
    numbers = [now.record.maps[n].layer for n in layers]
    span = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
    every = len(layers) == len(now.record.maps)
    return snippets.command(now, layer=None if every else span, truth=truth, **snippets.scaled(scale))


def shown(now: Context) -> list[int]:
    """The layers that the reader wants to see, numbered from 0, in order."""
    numbers = list(range(1, len(now.record.maps) + 1))
    ends = st.select_slider("Layers shown", numbers, (numbers[0], numbers[-1]), key="layers_range", **controls.KEEP)
    return list(range(min(ends) - 1, max(ends)))


def play(now: Context, layers: list[int], scale: Scale, truth: NDArray[np.bool_] | None) -> None:
    """The chosen layers one after another on the picture; it plays in the browser."""
    maps, title = (
        now.patch_map(now.chosen_rows()[layers]),
        f"{now.head_name().capitalize()}, asked by {now.query_name()}",
    )
    said = "\n".join(
        words.describe(one, name=f"Layer {n + 1}", strongest=1) for n, one in zip(layers, maps, strict=True)
    )
    components.panel(
        animation.layer_animation(
            now.picture.image,
            maps,
            now.record.geometry,
            names=[f"layer {n + 1}" for n in layers],
            start=layers.index(now.chosen.layer) if now.chosen.layer in layers else 0,
            scale=scale,
            query=controls.query_patches(now),
            truth=truth,
            title=title,
            duration=600,
        ),
        "layers_animation",
        said,
        alt=f"{title}, layer after layer.\n{said}",
    )


def snapshots(now: Context, layers: list[int], scale: Scale) -> None:
    """The same maps side by side; a click chooses the layer."""
    rows, key = now.chosen_rows()[layers], "layers_snapshots"
    bits = entropy(rows)
    said = "; ".join(f"layer {n + 1} {b:.2f} bits" for n, b in zip(layers, bits, strict=True))
    components.chart(
        mosaic.head_grid(
            now.patch_map(rows),
            names=[f"layer {n + 1}" for n in layers],
            captions=[f"{b:.1f} bits" for b in bits],
            scale=scale,
            per_row=3,
            clickable=True,
            chosen=layers.index(now.chosen.layer) if now.chosen.layer in layers else None,
            title=f"{now.head_name().capitalize()}, asked by {now.query_name()}",
        ),
        key,
        f"Maps of {len(layers)} layers side by side. Entropy: {said}.",
        partial(components.pick_number, key, state.LAYER, layers[0]),
    )


def numbers(now: Context) -> None:
    """Entropy of the asking token's row, and how far it looks, layer by layer.

    The class token stands nowhere, so its distance is that of all patches.
    """
    left, right = st.columns(2)
    bits, most = entropy(now.chosen_rows()), float(np.log2(len(now.axis)))
    look: dict[str, Any] = {"limits": (0, most * 1.06), "reference": {f"largest possible: {most:.2f} bits": most}}
    with left:
        figure = curves({"entropy": bits}, "bits", title="How spread out the row is", **look)
        components.chart(figure, "layers_entropy", "Entropy in bits: " + _listed(bits, "{:.2f}"))
    far, patches = distances(now), list(controls.query_patches(now))
    who, even = "mean over all patches", chance_distance(now)
    if patches:
        alike = np.full((1, len(now.axis), len(now.axis)), 1 / len(now.axis))
        who, even = now.query_name(), float(_each_distance(now, alike)[patches].mean())
    with right:
        figure = curves(
            {f"distance, {who}": far},
            "pixels",
            reference={f"everywhere alike: {even:.0f} pixels": even},
            title="How far it looks",
        )
        components.chart(figure, "layers_distance", f"Attention distance in pixels, {who}: " + _listed(far, "{:.0f}"))


def _each_distance(now: Context, weights: NDArray[Any]) -> NDArray[np.float64]:
    """(patches,) attention distance in pixels of every patch in (1, tokens, tokens) weights."""
    return attention_distance(weights, now.grid, now.axis.prefix, now.patch_size, per_query=True)[0]


def distances(now: Context) -> NDArray[np.float64]:
    """(layers,) attention distance of the chosen head in pixels: of the asking patches, else the mean over all."""
    head, found = now.chosen.head, []
    for heads in map(now.heads, range(len(now.record.maps))):
        one = heads.mean(axis=0) if head is None or head >= len(heads) else heads[head]
        found.append(_each_distance(now, one[None])[list(controls.query_patches(now)) or slice(None)])
    return np.nanmean(found, axis=1)


def shares(now: Context) -> None:
    """Where the weight goes, layer by layer: special tokens, and objects where they are known."""
    lines = {"on special tokens, of the whole row": special_share(now.chosen_rows(), now.axis.prefix)}
    mass, reference = mass_by_layer(now), {}
    if mass is not None and now.truth is not None:
        lines["on objects, of the weight on patches"] = mass
        reference[f"chance for objects: {float(now.truth.mean()):.1%}"] = float(now.truth.mean())
    components.panel(
        curves(lines, "share", limits=(0, 1.03), reference=reference, title="Where the weight goes"),
        "layers_shares",
        ". ".join(f"Share {name}: {_listed(values, '{:.1%}')}" for name, values in lines.items()),
    )


def _listed(values: NDArray[np.float64], form: str) -> str:
    return ", ".join(f"layer {n + 1} {form.format(value)}" for n, value in enumerate(values))


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
    columns = zip(entropy(rows), distances(now), special_share(rows, now.axis.prefix), objects, strict=True)
    lines = [",".join(map(str, (n, *numbers))) for n, numbers in enumerate(columns, start=1)]
    return "\n".join(["layer,entropy_bits,distance_pixels,special_share,share_on_objects", *lines, ""]).encode()
