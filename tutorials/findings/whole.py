"""Lesson "The whole model": the sizes of the model on the page, and where its parameters are."""

from typing import Any

from tutorials.findings.context import Context, Finding
from tutorials.findings.controls import demonstration
from visualizer.figures.blocks import VIT_B_16, Sizes
from vit_attention.gate import GateError

ATTENTION, MLP, EMBEDDING = "The attention sublayers", "The MLP sublayers", "Embeddings and head"

SIZES = {
    "vit-b-16": VIT_B_16,
    "scene-vit": Sizes("scene-vit", (112, 112), (8, 8), 144, 432, 12, 12, 12, 2_567_388),
    "photo-dino": Sizes("photo-dino", (224, 224), (14, 14), 384, 1536, 6, 12, 0, 22_056_192),
}
"""Models whose diagram is drawn before they are loaded."""


def sizes_of(model: Any) -> Sizes:
    """The sizes of a loaded vision transformer.

    Raises:
        GateError: a model without patches, such as one of texts, or with blocks of unlike width.
    """
    parts = getattr(model, "anatomy", None)
    if parts is None or not hasattr(parts, "patch"):
        raise GateError("model", "a vision transformer", f"{model.card.name}")
    axis, wide = model.axis(), [tuple(one.shape) for one in parts.blocks[0].parameters() if one.ndim == 2]
    rows, columns = axis.grid
    return Sizes(
        model.card.name,
        (rows * parts.patch[0], columns * parts.patch[1]),
        tuple(parts.patch),
        parts.width,
        # Queries, keys and values may be one matrix of three widths; the MLP's second matrix brings back to the width.
        max(inner for out, inner in wide if out == parts.width),
        parts.heads,
        len(parts.blocks),
        len(model.classes),
        model.card.parameters or sum(one.numel() for one in model.module.parameters()),
        axis.prefix,
    )


def _sizes(model: Any, picture: None) -> Sizes:
    return sizes_of(model)


def sizes(now: Context) -> Sizes:
    """The sizes of the page's model, without loading it where they are known."""
    return SIZES.get(now.model) or now.run(_sizes, now.model, None)


def parameters(of: Sizes) -> dict[str, int]:
    """Parameters by part: matrices and biases of both sublayers with their norms, and the rest.

    >>> {part: round(count / 1e6, 1) for part, count in parameters(VIT_B_16).items()}
    {'The attention sublayers': 28.4, 'The MLP sublayers': 56.7, 'Embeddings and head': 1.5}
    """
    attention = of.layers * (4 * of.width**2 + 4 * of.width + 2 * of.width)
    mlp = of.layers * (2 * of.width * of.mlp + of.mlp + of.width + 2 * of.width)
    return {ATTENTION: attention, MLP: mlp, EMBEDDING: of.parameters - attention - mlp}


@demonstration
def most_parameters(now: Context) -> Finding:
    """Which part of the model has most of its parameters."""
    of = sizes(now)
    counts = parameters(of)
    parts = [f"{part[0].lower()}{part[1:]} {count / of.parameters:.0%}" for part, count in counts.items()]
    return Finding(
        max(counts, key=lambda part: counts[part]),
        f"Of {of.parameters:,} parameters of {of.name}: {', '.join(parts)}. In each of the {of.layers} layers attention has "
        f"four matrices of {of.width} × {of.width}, and the MLP two of {of.width} × {of.mlp}.",
    )


@demonstration
def tokens(now: Context) -> Finding:
    """How many tokens pass through the layers."""
    of = sizes(now)
    rows, columns = (side // part for side, part in zip(of.picture, of.patch, strict=True))
    special = "1 class token" if of.special == 1 else f"{of.special} special tokens"
    return Finding(float(of.tokens), f"{rows} × {columns} = {of.patches} patches and {special}: {of.tokens} tokens.")
