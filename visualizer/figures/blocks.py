"""A whole vision transformer as blocks to click: what each does, and the shapes that leave it beside ViT-B/16's."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go

from visualizer.figures import canvas, outlines
from visualizer.style import theme
from visualizer.style.sketch import Sketch

CLASS_PATH = theme.LINES[1]
_MIDDLE = range(4, 10)
"""The blocks of one layer, drawn opened."""
_GAP, _WIDE = 0.16, 0.92
"""Room between two blocks, in heights of their places; width of a block in widths of a column."""
_LABEL = 0.36
"""Room for the name of the opened layer, in heights of a place."""


@dataclass(frozen=True)
class Sizes:
    """The numbers that a vision transformer's shapes follow from.

    Attributes:
        name: what it is called.
        picture: (height, width) of its input in pixels.
        patch: (height, width) of a patch in pixels.
        width: numbers of a token.
        mlp: numbers of a token between the two layers of the MLP.
        heads, layers: heads of a layer, and layers.
        classes: scores of the answer; 0 for a model without classes.
        parameters: of the whole model.
        special: special tokens, the class token among them.
    """

    name: str
    picture: tuple[int, int]
    patch: tuple[int, int]
    width: int
    mlp: int
    heads: int
    layers: int
    classes: int
    parameters: int
    special: int = 1

    @property
    def patches(self) -> int:
        """How many patches a picture has.

        >>> VIT_B_16.patches, VIT_B_16.tokens
        (196, 197)
        """
        return self.picture[0] // self.patch[0] * (self.picture[1] // self.patch[1])

    @property
    def tokens(self) -> int:
        """How many tokens pass through the layers."""
        return self.patches + self.special


VIT_B_16 = Sizes("ViT-B/16", (224, 224), (16, 16), 768, 3072, 12, 12, 1000, 86_567_656)
"""Dosovitskiy et al. 2021, arXiv:2010.11929, table 1, with 1000 classes."""


@dataclass(frozen=True)
class Block:
    """One block of the diagram: its name, one sentence on what it does, and the shape that leaves it."""

    name: str
    does: str
    shape: str


def blocks(of: Sizes) -> tuple[Block, ...]:
    """The blocks in the order of the pass, with the shapes of one model.

    >>> [block.shape for block in blocks(VIT_B_16)[1:4]]
    ['196 × 768', '196 × 768', '197 × 768']
    """
    (high, wide), (tall, broad), tokens = of.picture, of.patch, f"{of.tokens} × {of.width}"
    head = f"{of.width} → {of.classes}" if of.classes else "none"
    answer = f"{of.classes} scores" if of.classes else f"{of.width} numbers"
    return (
        Block("picture", "The picture in the model's size: height, width and three colours.", f"{high} × {wide} × 3"),
        Block(
            "patches",
            f"Cut into squares of {tall} × {broad} pixels, each written as one list of numbers.",
            f"{of.patches} × {3 * tall * broad}",
        ),
        Block("linear embedding", "One matrix turns every patch into a token.", f"{of.patches} × {of.width}"),
        Block("+ class token, + position", "A learned token goes first; the vector of each place is added.", tokens),
        Block("LayerNorm", "Every token is brought to mean 0 and variance 1, then scaled.", tokens),
        Block(
            "multi-head self-attention",
            "The only place where tokens read from one another. The maps come from here.",
            f"{of.heads} maps {of.tokens} × {of.tokens}",
        ),
        Block("add", "The output of attention is added to its input: the skip connection.", tokens),
        Block("LayerNorm", "Again mean 0 and variance 1, before the second sublayer.", tokens),
        Block(
            "MLP",
            "Two linear layers with GELU between them, for every token on its own.",
            f"{of.width} → {of.mlp} → {of.width}",
        ),
        Block("add", "The output of the MLP is added: the second skip connection. The next layer follows.", tokens),
        Block("final LayerNorm", "After the last layer, once more.", tokens),
        Block("head", "One matrix reads the class token alone.", head),
        Block("answer", "A score for every class; the largest is the answer." if of.classes else _FEATURES, answer),
    )


_FEATURES = "A model without classes gives the tokens themselves."


def block_diagram(
    of: Sizes,
    beside: Sizes | None = VIT_B_16,
    *,
    chosen: int | None = None,
    vertical: bool = False,
    title: str = "",
    height: int | None = None,
) -> go.Figure:
    """The whole model with one layer opened (Dosovitskiy et al. 2021, arXiv:2010.11929, figure 1, equations 1 to 4).

    Each block names the shape that leaves it; the class token's way to the answer is marked. A click reports the number of
    the block in `blocks`, from 0.

    Args:
        of: the model's sizes.
        beside: a second model, whose shapes stand in the last line of each block; None leaves them out.
        chosen: number of a block to outline.
        vertical: one column from top to bottom, for phones, instead of three side by side.
        title: plain text.
        height: in pixels; None takes 460, or 760 if `vertical`.

    Raises:
        GateError: no such block.
    """
    made, other = blocks(of), None if beside is None else blocks(beside)
    places = _column() if vertical else _snake()
    labels = [_layer_label(of, places)]
    for number, (block, box) in enumerate(zip(made, places, strict=True)):
        lines = [f"<b>{block.name}</b>", block.shape]
        if other is not None and beside is not None and vertical:
            lines[1] += f" | {other[number].shape}"
        elif other is not None and beside is not None:
            lines.append(f"{theme.safe(beside.name)}: {other[number].shape}")
        labels.append({"text": "<br>".join(lines), **_middle(box), "font": {"size": 12}})
    shapes = [_frame(places), *_skips(places, vertical), _class_path(places, vertical)]
    shapes += [outlines.path(outlines.square(box), theme.LINE, 1, fillcolor="rgba(128,128,128,0.12)") for box in places]
    if chosen is not None:
        shapes += outlines.rims([places[canvas.within(chosen, len(made), "chosen")]])
    said = [f"<b>{block.name}</b>: {block.shape}<br>{theme.safe(block.does, 46)}" for block in made]
    x, y = zip(*((p["x"], p["y"]) for p in map(_middle, places)), strict=True)
    bare = {"visible": False, "fixedrange": True}
    fig = Sketch(canvas.markers(x, y, list(range(len(made))), said))
    fig.layout |= canvas.CLICKS
    return fig.figure(
        title=title,
        caption=_caption(of, beside, vertical),
        labels=[*labels, *_arrows(places)],
        shapes=shapes,
        height=height or (760 if vertical else 460),
        xaxis={**bare, "range": [0, 1 if vertical else 3]},
        yaxis={**bare, "range": [max(place[3] for place in places) + 0.1, 0 if vertical else -_LABEL]},
    )


def _caption(of: Sizes, beside: Sizes | None, vertical: bool) -> list[str]:
    models = [f"{one.name}: {_millions(one.parameters)} parameters" for one in (of, beside) if one is not None]
    if beside is not None and vertical:
        models = [f"{side} {model}" for side, model in zip(("left", "right"), models, strict=True)]
    return ["; ".join(models), "orange: the class token's way to the answer; grey, at the right: skip connections"]


Places = Sequence[tuple[float, float, float, float]]


def _snake() -> Places:
    """Three columns: down before the layers, up through one layer, as the paper draws it, and down to the answer."""
    each = {0: [0.0, 5 / 3, 10 / 3, 5.0], 1: [5.0, 4.0, 3.0, 2.0, 1.0, 0.0], 2: [0.0, 2.5, 5.0]}
    margin = (1 - _WIDE) / 2
    return [
        (column + margin, top + _GAP / 2, column + 1 - margin, top + 1 - _GAP / 2)
        for column, tops in each.items()
        for top in tops
    ]


def _column() -> Places:
    tops = [n + _LABEL * (n >= _MIDDLE[0]) + _GAP * (n > _MIDDLE[-1]) for n in range(_MIDDLE[-1] + 4)]
    return [(0.06, top + _GAP / 2, 0.94, top + 1 - _GAP / 2) for top in tops]


def _middle(box: Sequence[float]) -> dict[str, float]:
    return {"x": (box[0] + box[2]) / 2, "y": (box[1] + box[3]) / 2}


def _frame(places: Places) -> outlines.Shape:
    """Round the blocks of one layer."""
    left, top, right, bottom = (
        sides(place[n] for place in [places[m] for m in _MIDDLE]) for n, sides in enumerate(_ENDS)
    )
    part = (1 - _WIDE) / 2
    return outlines.path(
        outlines.square((left - part, top - 0.06, right + part, bottom + 0.06)), theme.LINES[0], 1.5, dash="dot"
    )


_ENDS = (min, min, max, max)


def _layer_label(of: Sizes, places: Places) -> dict[str, Any]:
    left, top = (min(places[n][side] for n in _MIDDLE) for side in (0, 1))
    where = {"x": left, "y": top - 0.06, "xanchor": "left", "yanchor": "bottom", "font": {"size": 12}}
    return {"text": f"one of {of.layers} layers", **where}


def _skips(places: Places, vertical: bool) -> list[outlines.Shape]:
    """Lines past each sublayer, from what comes in to where it is added."""
    found = []
    for first, add in ((4, 6), (7, 9)):
        start, end = places[first], places[add]
        right = start[2] + 0.02
        enters = start[1] - _GAP / 3 if vertical else start[3] + _GAP / 3
        d = f"M{_middle(start)['x']:.3f},{enters:.3f}H{right:.3f}V{_middle(end)['y']:.3f}H{end[2]:.3f}"
        found.append(outlines.path(d, theme.LINE, 1.5))
    return found


def _class_path(places: Places, vertical: bool) -> outlines.Shape:
    """From the block that adds the class token along the rim of every block to the head, clear of all texts."""
    start, first, last, norm, head = (places[n] for n in (3, 4, 9, 10, 11))
    along, end = first[0] + 0.025, _middle(head)["y"]
    if vertical:
        return outlines.path(f"M{along},{_middle(start)['y']:.3f}V{end:.3f}", CLASS_PATH, 3)
    down = norm[0] + 0.025
    d = f"M{start[2]:.3f},{_middle(start)['y']:.3f}H{along:.3f}V{last[1] - 0.03:.3f}H{down:.3f}V{end:.3f}"
    return outlines.path(d, CLASS_PATH, 3)


def _arrows(places: Places) -> list[dict[str, Any]]:
    found = []
    for one, other in pairwise(places):
        if one[0] != other[0]:
            y = _middle(one)["y"]
            tail, tip = (one[2], y), (other[0], y)
        else:
            x, down = _middle(one)["x"], other[1] > one[1]
            tail, tip = (x, one[3] if down else one[1]), (x, other[1] if down else other[3])
        ends = {"x": tip[0], "y": tip[1], "ax": tail[0], "ay": tail[1], "axref": "x", "ayref": "y"}
        found.append(
            {"text": "", "showarrow": True, "arrowhead": 2, "arrowwidth": 1.2, "arrowcolor": theme.LINE, **ends}
        )
    return found


def _millions(count: int) -> str:
    """A number of parameters.

    >>> _millions(86_567_656), _millions(2_567_388)
    ('86.6 M', '2.6 M')
    """
    return f"{count / 1e6:.1f} M"
