"""How far tokens move when one patch of the picture is painted over."""

import numpy as np
from numpy.typing import NDArray

from vit_attention.gate import GateError, shown
from vit_attention.inputs.edited import painted_over
from vit_attention.signals.given import Again

OF = ("pictures",)


def run(again: Again, *, patch: tuple[int, int]) -> NDArray[np.float64]:
    """(layers + 1, tokens) how far each token has moved, as a share of its length.

    Args:
        patch: row and column, from 0.

    Raises:
        ValueError: no such patch, or an input that is no picture.
    """
    rows, columns = again.grid
    if not (isinstance(patch, tuple) and len(patch) == 2 and all(isinstance(n, int) for n in patch)):
        raise GateError("patch", "row and column", shown(patch))
    if not (0 <= patch[0] < rows and 0 <= patch[1] < columns):
        raise GateError("patch", f"0,0 to {rows - 1},{columns - 1} (row,column)", f"{patch[0]},{patch[1]}")
    if again.ready.image is None:
        raise GateError("painted", "a picture to paint on", "prepared pixels")
    image = painted_over(again.ready.image, again.ready.geometry, again.grid, patch[0] * columns + patch[1])
    return moved(again.hidden(again.ready.image), again.hidden(image))


def moved(before: NDArray[np.floating], after: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., tokens) length of the difference of (..., tokens, width) vectors, as a share of the length before.

    >>> moved(np.array([[3.0, 4.0]]), np.array([[3.0, 3.0]]))
    array([0.2])
    """
    first = np.asarray(before, np.float64)
    length = np.maximum(np.linalg.norm(first, axis=-1), 1e-12)
    return np.asarray(np.linalg.norm(np.asarray(after, np.float64) - first, axis=-1) / length)
