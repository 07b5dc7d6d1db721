"""Attention through depth: the layers of a model multiplied into one map from output tokens to input tokens.

One recipe serves every function here. A layer's heads are fused, the smallest entries of each row may be discarded,
the row is divided by its sum, the skip connection is mixed in, and new layers multiply on the left.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures.steps import Layers, check_finite, fuse, fuse_fast, mix, prepare, pull, stack_of, start_row
from visualizer.measures.undefined import Array, at_least_single
from vit_attention.gate import GateError

__all__ = [
    "class_rollout",
    "class_rollouts",
    "fuse",
    "gradient_rollout",
    "mixed_layers",
    "relevance",
    "rollout",
    "rollouts",
]


def rollout(
    layers: Layers,
    residual: float = 0.5,
    head_fusion: str = "mean",
    discard_ratio: float = 0.0,
    start_layer: int = 0,
    prefix: int = 1,
) -> NDArray[np.float64]:
    """Attention from every last-layer token to every input token, through all layers.

    Attention rollout (Abnar & Zuidema 2020, arXiv:2005.00928, section 3): each layer's fused, row-normalised matrix
    A becomes ``residual * I + (1 - residual) * A`` and the layers are multiplied first to last, new ones on the left.
    The paper uses a residual of 0.5; a weight alpha on the identity, as in ``A + alpha * I``, is alpha / (1 + alpha).

    Args:
        layers: one (heads, tokens, tokens) array per layer, rows summing to 1; the number of heads may differ.
        residual: share of the skip connection, 0 to 1.
        head_fusion: mean, max or min over heads. Rows are divided by their sum after it.
        discard_ratio: share of the non-special keys that each row loses, 0 to below 1: the
            ``floor(discard_ratio * (tokens - prefix))`` smallest, of equals the first. A row left empty becomes
            the row of the identity.
        start_layer: first layer of the product, counted from 0.
        prefix: how many special tokens lead; their columns are never discarded.

    Returns:
        (tokens, tokens); row i holds the shares of the input tokens in token i and sums to 1.

    Raises:
        ValueError: a parameter out of range, no layers, or layers that are not square, equal in tokens and finite.

    >>> rollout([np.array([[[0.5, 0.5], [0.0, 1.0]]])])
    array([[0.75, 0.25],
           [0.  , 1.  ]])
    """
    first, *others = mixed_layers(layers, residual, head_fusion, discard_ratio, start_layer, prefix)
    for step in others:
        first = step @ first
    return first


def rollouts(
    layers: Layers,
    residual: float = 0.5,
    head_fusion: str = "mean",
    discard_ratio: float = 0.0,
    start_layer: int = 0,
    prefix: int = 1,
) -> NDArray[np.float64]:
    """The rollout after each layer, from `start_layer` up; arguments and errors as in `rollout`.

    Returns:
        (len(layers) - start_layer, tokens, tokens); the last one is `rollout`.
    """
    steps = mixed_layers(layers, residual, head_fusion, discard_ratio, start_layer, prefix)
    mixed = steps[:1]
    for step in steps[1:]:
        mixed.append(step @ mixed[-1])
    return np.stack(mixed)


def mixed_layers(
    layers: Layers,
    residual: float = 0.5,
    head_fusion: str = "mean",
    discard_ratio: float = 0.0,
    start_layer: int = 0,
    prefix: int = 1,
) -> list[NDArray[np.float64]]:
    """The factors of the rollout, one matrix per layer from `start_layer` up; arguments and errors as in `rollout`.

    Returns:
        (tokens, tokens) matrices ``residual * I + (1 - residual) * A``, whose rows sum to 1.
    """
    stack, recipe = prepare(layers, residual, head_fusion, discard_ratio, start_layer, prefix)
    return [mix(layer, recipe) for layer in stack]


def class_rollout(
    layers: Layers,
    residual: float = 0.5,
    head_fusion: str = "mean",
    discard_ratio: float = 0.0,
    start_layer: int = 0,
    prefix: int = 1,
    query: int | ArrayLike = 0,
) -> NDArray[np.float64]:
    """One row of the rollout, by default the class token's, without ever forming the matrix product.

    The row is carried from the last layer down, one vector-matrix product per layer, in the layers' own precision
    (float32 for half precision): equal to the row of `rollout` within 1e-6.

    Args:
        layers: one (heads, tokens, tokens) array per layer, rows summing to 1; heads that are fused already count as one,
            as in ``record.signals["head-mean"][:, None]``.
        residual: share of the skip connection, 0 to 1.
        head_fusion: mean, max or min over heads.
        discard_ratio: share of the non-special keys that each row loses, 0 to below 1.
        start_layer: first layer of the product, counted from 0.
        prefix: how many special tokens lead.
        query: which last-layer token's row; or (tokens,) shares of 1 together, for the mean of several rows.

    Returns:
        (tokens,); the shares of the input tokens in the token, summing to 1.

    Raises:
        ValueError: what `rollout` refuses, or a `query` that is no token.

    >>> class_rollout([np.array([[[0.5, 0.5], [0.0, 1.0]]])], residual=0.0)
    array([0.5, 0.5])
    """
    stack, recipe = prepare(layers, residual, head_fusion, discard_ratio, start_layer, prefix)
    row = start_row(query, stack[0].shape[-1])
    for layer in reversed(stack):
        row = pull(row, layer, recipe)
    return row


def class_rollouts(
    layers: Layers,
    residual: float = 0.5,
    head_fusion: str = "mean",
    discard_ratio: float = 0.0,
    start_layer: int = 0,
    prefix: int = 1,
    query: int = 0,
) -> NDArray[np.float64]:
    """One row of the rollout after each layer; arguments and errors as in `class_rollout`.

    Each depth needs a row of another product, so the rows go down together: every layer adds its own row to those
    that started above it, and all of them are multiplied by that layer once.

    Returns:
        (len(layers) - start_layer, tokens); the last row is `class_rollout`.
    """
    stack, recipe = prepare(layers, residual, head_fusion, discard_ratio, start_layer, prefix)
    start = start_row(query, stack[0].shape[-1])
    rows = np.empty((0, len(start)))
    for layer in reversed(stack):
        rows = pull(np.vstack([start, rows]), layer, recipe)
    return rows


def relevance(layers: Layers, gradients: Layers, start_layer: int = 0, query: int = 0) -> NDArray[np.float64]:
    """Relevance of every input token for one output, from attention and its gradient.

    The generic rule for self-attention (Chefer et al. 2021, arXiv:2103.15679, equations 5 and 6): per layer
    ``A_bar = mean over heads of max(gradient * A, 0)``; R starts at the identity and becomes ``R + A_bar @ R``, first
    layer to last. The row of `query` is carried down by vector-matrix products. Nothing is normalised: the row does
    NOT sum to 1, and its size follows the size of the gradient.

    Args:
        layers: one (heads, tokens, tokens) attention array per layer.
        gradients: in the same order, the gradient of the chosen output (a raw logit) for each of `layers`.
        start_layer: first layer of the product, counted from 0.
        query: the token that the output reads, 0 for a class token.

    Returns:
        (tokens,); at least 0 everywhere, and at least 1 at `query`, which the identity gives.

    Raises:
        ValueError: gradients that do not match the layers, or layers that are not square, equal in tokens and finite.

    >>> relevance([np.array([[[0.5, 0.5], [0.0, 1.0]]])], [np.array([[[0.0, 4.0], [0.0, 0.0]]])])
    array([1., 2.])
    """
    pairs = _with_gradients(layers, gradients, start_layer)
    row = start_row(query, pairs[0][0].shape[-1])
    for layer, slope in reversed(pairs):
        effect = effect_of(layer, slope)
        row = row + row.astype(effect.dtype) @ effect
    return row


def effect_of(layer: Array, gradient: Array) -> Array:
    """(queries, keys) mean over heads of max(gradient * weights, 0) of a block (arXiv:2103.15679, equation 5).

    >>> effect_of(np.array([[[0.5, 0.5]], [[1.0, 0.0]]]), np.array([[[2.0, -2.0]], [[4.0, 4.0]]]))
    array([[2.5, 0. ]])
    """
    layer, gradient = at_least_single(layer), at_least_single(gradient)
    with np.errstate(invalid="ignore", over="ignore"):
        effect = fuse_fast(np.maximum(layer * gradient, 0), "mean")
    check_finite(effect, "layers and gradients")
    return effect


def gradient_rollout(layers: Layers, gradients: Layers, start_layer: int = 0, query: int = 0) -> NDArray[np.float64]:
    """One row of the rollout of weights times gradients.

    What the field calls gradient attention rollout (Gildenblat 2020, after Abnar & Zuidema 2020, arXiv:2005.00928): per
    layer A is the positive part of the mean over heads of ``gradient * weights``; each row of ``(A + I) / 2`` is divided
    by its sum, and layers multiply as in `rollout`, each with the gradient of its own layer. It differs from
    `relevance`: here the mean over heads comes before the positive part, and rows are normalised, so that the size of
    the gradient decides how much of a row the skip connection keeps.

    Args:
        layers, gradients, start_layer, query: as for `relevance`.

    Returns:
        (tokens,); summing to 1.

    Raises:
        ValueError: as for `relevance`.

    >>> gradient_rollout([np.array([[[0.5, 0.5], [0.0, 1.0]]])], [np.array([[[0.0, 4.0], [0.0, 0.0]]])])
    array([0.33333333, 0.66666667])
    """
    pairs = _with_gradients(layers, gradients, start_layer)
    row = start_row(query, pairs[0][0].shape[-1])
    for layer, slope in reversed(pairs):
        layer, slope = at_least_single(layer), at_least_single(slope)
        with np.errstate(invalid="ignore", over="ignore"):
            effect = np.maximum(fuse_fast(layer * slope, "mean"), 0).astype(np.float64)
            sums = effect.sum(axis=-1) + 1
        check_finite(sums, "layers and gradients")
        scaled = row / sums
        row = scaled @ effect + scaled
    return row


def _with_gradients(layers: Layers, gradients: Layers, start_layer: int) -> list[tuple[Array, Array]]:
    """The layers from `start_layer` up, each with its gradient."""
    stack, slopes = stack_of(layers, "layers", start_layer), stack_of(gradients, "gradients", start_layer)
    shapes, wanted = [slope.shape for slope in slopes], [layer.shape for layer in stack]
    if shapes != wanted:
        raise GateError("gradients", f"the shapes of layers, {wanted}", f"{shapes}")
    return list(zip(stack, slopes, strict=True))
