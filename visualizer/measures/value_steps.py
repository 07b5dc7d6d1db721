"""What one query takes over: weight times value, their sum, the heads joined, the output projection."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vit_attention.gate import GateError


@dataclass(frozen=True, eq=False)
class ValueSteps:
    """Attention of one query from its weights to what is added to its token, every step kept.

    Attributes:
        weights: (heads, keys) its row in every head.
        scaled: (heads, keys, head width) weight times value.
        sums: (heads, head width) their sum over the keys: what each head says.
        joined: (heads * head width,) the heads side by side.
        output: (width,) joined through the output projection, bias included: what attention adds to the token, before any
            factor that a network puts behind it (DINOv2 has one for each number).
        norms: (heads, keys) Euclidean length of weight times value through the head's own part of the output projection.
        value_norms: (heads, keys) the same without the weight: how much there would be to take over.
        together: (keys,) length of the sum over heads of these vectors: what the layer takes over from each key.
    """

    weights: NDArray[np.float64]
    scaled: NDArray[np.float64]
    sums: NDArray[np.float64]
    joined: NDArray[np.float64]
    output: NDArray[np.float64]
    norms: NDArray[np.float64]
    value_norms: NDArray[np.float64]
    together: NDArray[np.float64]

    def shares(self, head: int | None = None) -> NDArray[np.float64]:
        """(keys,) norms as shares of their sum, to stand beside weights; of one head, or of the whole layer."""
        found = self.together if head is None else self.norms[head]
        return np.asarray(found / max(float(found.sum()), 1e-300))


def value_steps(
    weights: ArrayLike, values: ArrayLike, projection: ArrayLike, bias: ArrayLike | None = None
) -> ValueSteps:
    """Every step from one query's weights to its output (Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2), and the norm of
    weight times transformed value (Kobayashi et al. 2020, arXiv:2004.10102, section 3).

    A large weight on a short vector takes over little. The norms of the keys do not add up to the norm of the output, since
    vectors may point apart.

    Args:
        weights: (heads, keys) the query's row in every head of a layer.
        values: (heads, keys, head width), as a record keeps them with ``keep={"values"}``.
        projection: (width, heads * head width) weight of the output projection, as PyTorch keeps it.
        bias: (width,) its bias, or None.

    Raises:
        GateError: shapes that do not fit, or numbers that are not finite.

    >>> steps = value_steps([[0.9, 0.1]], [[[0.1, 0.0], [0.0, 3.0]]], np.eye(2))
    >>> steps.output.round(2).tolist(), steps.norms.round(2).tolist()
    ([0.09, 0.3], [[0.09, 0.3]])
    """
    row, vectors, matrix = (_finite(name, one) for name, one in zip(_NAMES, (weights, values, projection), strict=True))
    if vectors.ndim != 3 or row.shape != vectors.shape[:2] or not vectors.size:
        got = f"{row.shape} and {vectors.shape}"
        raise GateError("weights, values", "(heads, keys) and (heads, keys, head width)", got)
    heads, _, width = vectors.shape
    if matrix.ndim != 2 or matrix.shape[1] != heads * width:
        raise GateError("projection", f"(width, {heads * width})", f"shape {matrix.shape}")
    added = np.zeros(len(matrix)) if bias is None else _finite("bias", bias)
    if added.shape != (len(matrix),):
        raise GateError("bias", f"({len(matrix)},)", f"shape {added.shape}")
    scaled = row[:, :, None] * vectors
    sums = scaled.sum(axis=1)
    parts = matrix.reshape(len(matrix), heads, width).transpose(1, 2, 0)  # (heads, head width, width)
    taken = scaled @ parts  # (heads, keys, width)
    return ValueSteps(
        row,
        scaled,
        sums,
        sums.ravel(),
        matrix @ sums.ravel() + added,
        np.linalg.norm(taken, axis=2),
        np.linalg.norm(vectors @ parts, axis=2),
        np.linalg.norm(taken.sum(axis=0), axis=1),
    )


_NAMES = ("weights", "values", "projection")


def _finite(name: str, given: ArrayLike) -> NDArray[Any]:
    try:
        found = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise GateError(name, "numbers in rows of equal length", "something else") from error
    if not np.isfinite(found).all():
        raise GateError(name, "finite numbers", "NaN or infinity")
    return found
