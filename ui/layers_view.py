"""The parts of page "Layers": the range, the animation, the snapshots, the curves through depth."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings import Context
from tutorials.findings.heads import chance_distance
from tutorials.findings.layers import mass_by_layer
from ui import components, display, query_view, state
from visualizer.export import files as export
from visualizer.figures.animation import layer_animation
from visualizer.figures.mosaic import head_grid
from visualizer.figures.summary import curves
from visualizer.measures.distance import attention_distance
from visualizer.measures.entropy import entropy
from visualizer.measures.sinks import special_share
from visualizer.style.scale import Scale
from visualizer.words import maps as words

RANGE = "layers_range"


def shown(now: Context) -> list[int]:
    """The layers that the reader wants to see, numbered from 0, in order."""
    numbers = list(range(1, len(now.record.maps) + 1))
    first, last = st.select_slider(
        "Layers shown", numbers, (numbers[0], numbers[-1]), key=RANGE, bind="query-params", persist_state="session"
    )
    return list(range(min(first, last) - 1, max(first, last)))


def maps(now: Context) -> NDArray[np.float32]:
    """(layers, rows, columns) what the asking token reads in the chosen head, in every layer."""
    return np.asarray(now.patch_map(now.chosen_rows()))


def animation(now: Context, layers: list[int], scale: Scale, truth: NDArray[np.bool_] | None) -> None:
    """The chosen layers one after another on the picture; it plays in the browser."""
    chosen = maps(now)[layers]
    title = f"{now.head_name().capitalize()}, asked by {now.query_name()}"
    start = layers.index(now.chosen.layer) if now.chosen.layer in layers else 0
    figure = layer_animation(
        now.picture.image, chosen, now.record.geometry, names=[f"layer {n + 1}" for n in layers], start=start,
        scale=scale, query=query_view.asking(now), truth=truth, title=title, duration=600,
    )  # fmt: skip
    said = "\n".join(
        words.describe(chosen[n], name=f"Layer {layer + 1}", strongest=1) for n, layer in enumerate(layers)
    )
    components.chart(figure, "layers_animation", f"{title}, layer after layer.\n{said}")
    components.in_words(said)


def snapshots(now: Context, layers: list[int], scale: Scale) -> None:
    """The same maps side by side; a click chooses the layer."""
    rows, key = now.chosen_rows()[layers], "layers_snapshots"
    bits = entropy(rows)
    figure = head_grid(
        now.patch_map(rows), names=[f"layer {n + 1}" for n in layers],
        captions=[f"{b:.1f} bits" for b in bits],
        scale=scale, per_row=3, clickable=True,
        chosen=layers.index(now.chosen.layer) if now.chosen.layer in layers else None,
        title=f"{now.head_name().capitalize()}, asked by {now.query_name()}",
    )  # fmt: skip
    said = "; ".join(f"layer {n + 1} {b:.2f} bits" for n, b in zip(layers, bits, strict=True))
    components.chart(
        figure,
        key,
        f"Maps of {len(layers)} layers side by side. Entropy: {said}.",
        partial(display.pick_number, key, state.LAYER, layers[0]),
    )


def spread(now: Context) -> None:
    """Entropy of the asking token's row, layer by layer."""
    rows = now.chosen_rows()
    bits, most = entropy(rows), float(np.log2(rows.shape[-1]))
    figure = curves(
        {"entropy": bits},
        "bits",
        limits=(0, most * 1.06),
        reference={f"largest possible: {most:.2f} bits": most},
        title="How spread out the row is",
    )
    components.chart(figure, "layers_entropy", "Entropy in bits: " + _listed(bits, "{:.2f}"))


def reach(now: Context) -> None:
    """How far the asking patch looks; for the class token, which stands nowhere, how far all patches look."""
    far, chance = distances(now), chance_distance(now)
    who = now.query_name() if asks_from_somewhere(now) else "mean over all patches"
    figure = curves(
        {f"distance, {who}": far},
        "pixels",
        reference={f"everywhere alike: {_everywhere(now, chance):.0f} pixels": _everywhere(now, chance)},
        title="How far it looks",
    )
    components.chart(figure, "layers_distance", f"Attention distance in pixels, {who}: " + _listed(far, "{:.0f}"))


def asks_from_somewhere(now: Context) -> bool:
    """Whether a patch asks, which has a place on the picture, and not a special token."""
    return bool(query_view.asking(now))


def distances(now: Context) -> NDArray[np.float64]:
    """(layers,) attention distance of the chosen head in pixels: of the asking patches, else the mean over all."""
    found, patches = [], list(query_view.asking(now)) or slice(None)
    for layer in range(len(now.record.maps)):
        heads = now.heads(layer)
        head = now.chosen.head
        one = heads.mean(axis=0) if head is None or head >= len(heads) else heads[head]
        each = attention_distance(one[None], now.grid, now.axis.prefix, now.patch_size, per_query=True)[0]
        found.append(float(np.nanmean(each[patches])))
    return np.array(found)


def _everywhere(now: Context, chance: float) -> float:
    """Distance of an even spread, seen from where the asking patches are."""
    if not asks_from_somewhere(now):
        return chance
    tokens = now.axis.prefix + now.grid[0] * now.grid[1]
    even = np.full((1, tokens, tokens), 1 / tokens)
    each = attention_distance(even, now.grid, now.axis.prefix, now.patch_size, per_query=True)[0]
    return float(each[list(query_view.asking(now))].mean())


def shares(now: Context) -> None:
    """Where the weight goes, layer by layer: special tokens, and objects where they are known."""
    special = special_share(now.chosen_rows(), now.axis.prefix)
    lines, mass, reference = {"on special tokens, of the whole row": special}, mass_by_layer(now), {}
    if mass is not None and now.truth is not None:
        lines["on objects, of the weight on patches"] = mass
        reference[f"chance for objects: {float(now.truth.mean()):.1%}"] = float(now.truth.mean())
    figure = curves(lines, "share", limits=(0, 1.03), reference=reference, title="Where the weight goes")
    said = ". ".join(f"Share {name}: {_listed(values, '{:.1%}')}" for name, values in lines.items())
    components.chart(figure, "layers_shares", said)
    components.in_words(said)


def _listed(values: NDArray[np.float64], form: str) -> str:
    return ", ".join(f"layer {n + 1} {form.format(value)}" for n, value in enumerate(values))


def film(now: Context, layers: list[int], scale: Scale, truth: NDArray[np.bool_] | None, kind: str) -> bytes:
    """The chosen layers as "gif", "webp" or "zip" of PNG pictures."""
    make = {"gif": export.layers_gif, "webp": export.layers_webp, "zip": export.layers_zip}[kind]
    return make(
        now.picture.image, maps(now)[layers], now.record.geometry,
        f"{now.model}, {now.head_name()}, {now.query_name()}",
        names=[f"layer {n + 1} of {len(now.record.maps)}" for n in layers], scale=scale,
        query=query_view.asking(now), truth=truth,
    )  # fmt: skip


def curves_csv(now: Context) -> bytes:
    """Every curve of the page, one line per layer; the weight on objects is empty where they are not known."""
    rows, mass = now.chosen_rows(), mass_by_layer(now)
    columns = [entropy(rows), distances(now), special_share(rows, now.axis.prefix)]
    lines = ["layer,entropy_bits,distance_pixels,special_share,share_on_objects"]
    for n, numbers in enumerate(zip(*columns, strict=True)):
        lines.append(",".join([str(n + 1), *(str(v) for v in numbers), "" if mass is None else str(mass[n])]))
    return ("\n".join(lines) + "\n").encode()
