"""The ways to turn a record into one map. A method is one function and one row in `METHODS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import Context, Picture
from visualizer.measures.rollout import class_rollout, fuse, gradient_rollout, rollout

SHARE, RELEVANCE = "share of attention", "relevance"


@dataclass(frozen=True)
class Knobs:
    """What the methods may be told.

    Attributes:
        fusion: how heads become one: mean, max or min.
        residual: share of the skip connection, 0 to 1.
        discard: share of the smallest entries each row loses, 0 to below 1.
        start: first layer, counted from 0.
        target: class that gradients belong to; "" takes the likeliest.
    """

    fusion: str = "mean"
    residual: float = 0.5
    discard: float = 0.0
    start: int = 0
    target: str = ""


@dataclass(frozen=True, eq=False)
class Drawn:
    """One map, ready to be drawn.

    Attributes:
        values: (rows, columns) the patches' part.
        row: (tokens,) what it was taken from, special tokens included; None where a map comes from no such row.
        unit: what one value is.
        words: what the map shows, in words.
        code: lines that compute `row`; they use the variables that `snippets.record_code` defines.
    """

    values: NDArray[Any]
    row: NDArray[Any] | None
    unit: str
    words: str
    code: str


@dataclass(frozen=True)
class Method:
    """One way: how to compute it, the knobs it obeys, and what it is in one sentence."""

    function: Callable[[Context, Knobs], Drawn]
    knobs: tuple[str, ...]
    meaning: str
    by_layer: bool = False  # whether the chosen layer matters, so that a film through the layers makes sense


def asking(now: Context) -> list[int]:
    """Numbers of the asking tokens: one, or several patches together."""
    return [now.axis.prefix + p for p in now.chosen.patches] or [now.chosen.query]


def on_grid(now: Context, row: NDArray[Any]) -> NDArray[Any]:
    """(rows, columns) the patches' part of a row; special tokens left out."""
    return row[now.axis.prefix :].reshape(now.grid)


def rollout_row(now: Context, knobs: Knobs, until: int | None = None) -> NDArray[np.float64]:
    """(tokens,) the asking token's rollout from layer `knobs.start` up to layer `until` (0 first; None takes all)."""
    layers = now.record.layers if until is None else now.record.layers[: until + 1]
    start = min(knobs.start, len(layers) - 1)
    told = (knobs.residual, knobs.fusion, knobs.discard, start, now.axis.prefix)
    tokens = asking(now)
    if len(tokens) == 1:
        return class_rollout(layers, *told, query=tokens[0])
    return np.asarray(rollout(layers, *told)[tokens].mean(axis=0))


def target(now: Context, knobs: Knobs) -> str:
    """The class asked about; raises ValueError for a model without classes or a class it does not know."""
    known = now.record.prediction.labels
    if not known:
        raise ValueError(f"gradients need a class, and {now.model} names none")
    if knobs.target and knobs.target not in known:
        raise ValueError(f"class: want one that {now.model} knows, got {knobs.target!r}")
    return knobs.target or now.record.prediction.top(1)[0][0]


def _drawn(now: Context, row: NDArray[Any], unit: str, words: str, code: str) -> Drawn:
    return Drawn(on_grid(now, row), row, unit, words, code)


def _one_layer(now: Context, knobs: Knobs) -> Drawn:
    words = f"layer {now.chosen.layer + 1}, {now.head_name()}, asked by {now.query_name()}"
    pick = "weights.mean(axis=0)" if now.chosen.head is None else "weights[head]"
    return _drawn(now, now.row(), SHARE, words, _ask(now, pick))


def _fused(now: Context, knobs: Knobs) -> Drawn:
    matrix = fuse(now.heads(now.chosen.layer), knobs.fusion)
    words = f"layer {now.chosen.layer + 1}, {knobs.fusion} of all heads, asked by {now.query_name()}"
    code = f'from visualizer import fuse\n\n{_ask(now, f"""fuse(weights, "{knobs.fusion}")""")}'
    unit = SHARE if knobs.fusion == "mean" else f"{knobs.fusion} weight of any head"
    return _drawn(now, matrix[asking(now)].mean(axis=0), unit, words, code)


def _mean_of_layers(now: Context, knobs: Knobs) -> Drawn:
    last = now.chosen.layer
    first = min(knobs.start, last)
    row = now.chosen_rows()[first : last + 1].mean(axis=0)
    words = f"mean of layers {first + 1} to {last + 1}, {now.head_name()}, asked by {now.query_name()}"
    pick = "layer.mean(axis=0)" if now.chosen.head is None else "layer[head]"
    code = f"import numpy as np\n\nchain = record.layers[{first} : {last + 1}]\n" + _ask(
        now, f"np.mean([{pick} for layer in chain], axis=0)"
    )
    return _drawn(now, row, SHARE, words, code)


def _rollout(now: Context, knobs: Knobs) -> Drawn:
    words = f"rollout from layer {knobs.start + 1} to the last, {_told(knobs)}, asked by {now.query_name()}"
    return _drawn(now, rollout_row(now, knobs), SHARE, words, rollout_code(now, knobs))


def _rollout_so_far(now: Context, knobs: Knobs) -> Drawn:
    last = now.chosen.layer
    first = min(knobs.start, last)
    words = f"rollout from layer {first + 1} up to layer {last + 1}, {_told(knobs)}, asked by {now.query_name()}"
    code = rollout_code(now, knobs, f"record.layers[: {last + 1}]")
    return _drawn(now, rollout_row(now, knobs, until=last), SHARE, words, code)


def _relevance(now: Context, knobs: Knobs) -> Drawn:
    wanted, start = target(now, knobs), min(knobs.start, len(now.record.maps) - 1)
    row = relevance_row(now, wanted, start)
    words = f"gradient-weighted rollout from layer {start + 1} for the class {wanted}, asked by the class token"
    code = (
        f"from visualizer import gradient_rollout\n\nasked = model.attend(picture, target={wanted!r})\n"
        f"row = gradient_rollout(asked.layers, asked.gradients, start_layer={start})\n"
    )
    return _drawn(now, row, RELEVANCE, words, code)


def relevance(model: Any, picture: Picture, target: str, start: int) -> NDArray[np.float64]:
    """(tokens,) gradient-weighted rollout of the class token for one class; the gradients themselves are not kept."""
    record = model.attend(picture.image, target=target)
    return gradient_rollout(record.layers, record.gradients, start_layer=start)


def relevance_row(now: Context, wanted: str, start: int = 0) -> NDArray[np.float64]:
    """(tokens,) the gradient-weighted rollout of the class token; raises ValueError where no gradients can be had."""
    prediction = now.record.prediction
    if not now.axis.prefix:
        raise ValueError(f"gradient-weighted rollout needs a class token, and {now.model} has none")
    if prediction.target is not None and prediction.labels[prediction.target] == wanted:
        return gradient_rollout(now.record.layers, now.record.gradients, start_layer=start)
    if now.picture.key.startswith("bundle-"):
        raise ValueError(f"this bundle was saved without gradients for {wanted!r}, and no model is run for a bundle")
    return now.run(relevance, now.model, now.picture, wanted, start)


def rollout_code(now: Context, knobs: Knobs, layers: str = "record.layers") -> str:
    """The lines that compute the rollout row."""
    told = (
        f"residual={knobs.residual:g}, head_fusion={knobs.fusion!r}, discard_ratio={knobs.discard:g}, "
        f"start_layer={knobs.start}, prefix={now.axis.prefix}"
    )
    if now.chosen.patches:
        return f"from visualizer import rollout\n\nrow = rollout({layers}, {told})[{asking(now)}].mean(axis=0)\n"
    return f"from visualizer import class_rollout\n\nrow = class_rollout({layers}, {told}, query=query)\n"


def _told(knobs: Knobs) -> str:
    return f"{knobs.fusion} of heads, residual share {knobs.residual:g}, discard {knobs.discard:.0%}"


def _ask(now: Context, matrix: str) -> str:
    return f"row = {matrix}[{asking(now)}].mean(axis=0)\n" if now.chosen.patches else f"row = {matrix}[query]\n"


METHODS: dict[str, Method] = {
    "one layer": Method(
        _one_layer,
        (),
        "The weights of the chosen layer and head as the model used them, or the mean over its heads.",
        True,
    ),
    "heads of one layer": Method(
        _fused,
        ("fusion",),
        "The chosen layer with its heads made one. Rows of a maximum or minimum no longer sum to 1.",
        True,
    ),
    "mean of layers": Method(
        _mean_of_layers,
        ("start",),
        "The mean of the weights from the start layer to the chosen layer; how layers mix tokens is ignored.",
        True,
    ),
    "rollout": Method(
        _rollout,
        ("fusion", "residual", "discard", "start"),
        "All layers multiplied: from which patches the asking token is mixed after the last layer, by this rule.",
    ),
    "rollout so far": Method(
        _rollout_so_far,
        ("fusion", "residual", "discard", "start"),
        "The same product, stopped at the chosen layer.",
        True,
    ),
    "gradient-weighted rollout": Method(
        _relevance,
        ("target", "start"),
        "Weights times their effect on one class's score, through all layers. The class token asks, whoever asks elsewhere.",
    ),
}
"""Name to method, in the order of the menus."""
