"""What the rows and columns of a map stand for: patches, words or regions, behind named special tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vit_attention.gate import GateError, shown

if TYPE_CHECKING:
    from vit_attention.gate.bundle import AxisFields

AXIS_KINDS = ("patches", "text", "regions")


@dataclass(frozen=True, eq=False)
class Axis:
    """What the rows or columns of a map stand for.

    Attributes:
        kind: "patches", "text" or "regions".
        special: names of the leading special tokens ("class", "distillation", "register 1", ...); often empty.
        grid: (rows, columns) of the patches, for patches.
        labels: one word per token after the special ones, for text; may name regions.
        words: for text that went in, the number of the word that each token is a part of, special tokens included; -1 for
            tokens that are no part of the text, such as "[CLS]" and "[SEP]"; () where that is not known.
        boxes: (regions, 4) left, top, right, bottom in pixels of the model's input, for regions.

    >>> len(Axis.patches(14, 14, ("class",)))
    197
    """

    kind: str
    special: tuple[str, ...] = ()
    grid: tuple[int, int] | None = None
    labels: tuple[str, ...] = ()
    boxes: NDArray[np.float64] | None = None
    words: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in AXIS_KINDS:
            raise GateError("axis", f"one of {AXIS_KINDS}", shown(self.kind), field="kind")
        if not all(isinstance(text, str) for text in (*self.special, *self.labels)):
            raise GateError("axis", "special tokens and labels that are text", "another kind")
        if self.kind == "patches" and not _is_grid(self.grid):
            raise GateError("axis of patches", "a grid of at least 1 x 1", shown(self.grid), field="grid")
        if self.kind == "regions":
            self._check_boxes()
        if self.words and (self.kind != "text" or len(self.words) != len(self)):
            raise GateError(
                "axis", f"the word of each of {len(self)} tokens of text", f"{len(self.words)}", field="words"
            )

    def _check_boxes(self) -> None:
        boxes = self.boxes
        if boxes is None or boxes.ndim != 2 or boxes.shape[1] != 4 or not len(boxes):
            got = shown(None if boxes is None else boxes.shape)
            raise GateError("axis of regions", "boxes of shape (regions, 4), at least one", got, field="boxes")
        known = boxes[~np.isnan(boxes).any(axis=1)]
        if not np.isfinite(known).all() or (known[:, 2:] < known[:, :2]).any():
            want = "left, top, right, bottom, finite and in this order; NaN for a box that nobody knows"
            raise GateError("axis of regions", want, "another", field="boxes")
        if self.labels and len(self.labels) != len(boxes):
            raise GateError("axis of regions", f"{len(boxes)}, or none", str(len(self.labels)), field="labels")

    @classmethod
    def patches(cls, rows: int, columns: int, special: Sequence[str] = ()) -> "Axis":
        """An axis of patches in reading order, preceded by the named special tokens."""
        return cls("patches", tuple(special), (int(rows), int(columns)))

    @classmethod
    def text(cls, labels: Sequence[str], special: Sequence[str] = (), words: Sequence[int] = ()) -> "Axis":
        """An axis of text tokens, preceded by the named special tokens; `words` tells which token belongs to which word."""
        return cls("text", tuple(special), labels=tuple(labels), words=tuple(words))

    @property
    def prefix(self) -> int:
        """Number of leading special tokens."""
        return len(self.special)

    def __len__(self) -> int:
        if self.kind == "patches" and self.grid is not None:
            return self.prefix + self.grid[0] * self.grid[1]
        if self.kind == "regions" and self.boxes is not None:
            return self.prefix + len(self.boxes)
        return self.prefix + len(self.labels)

    def name(self, index: int) -> str:
        """A description of token `index`, for hover texts and text alternatives."""
        if index < self.prefix:
            return f"{self.special[index]} token"
        at = index - self.prefix
        if self.kind == "patches" and self.grid is not None:
            row, column = divmod(at, self.grid[1])
            return f"patch in row {row + 1}, column {column + 1}"
        return self.labels[at] if at < len(self.labels) else f"region {at + 1}"

    def to_json(self) -> dict[str, Any]:
        boxes = None if self.boxes is None else self.boxes.tolist()
        plain = {"kind": self.kind, "special": self.special, "grid": self.grid, "labels": self.labels, "boxes": boxes}
        return plain | ({"words": self.words} if self.words else {})

    @classmethod
    def from_fields(cls, fields: "AxisFields") -> "Axis":
        """The axis that a manifest describes."""
        boxes = None if fields.boxes is None else np.asarray(fields.boxes, dtype=np.float64).reshape(-1, 4)
        return cls(fields.kind, fields.special, fields.grid, fields.labels, boxes, fields.words)


def _is_grid(grid: Any) -> bool:
    return grid is not None and len(grid) == 2 and all(type(side) is int and side > 0 for side in grid)
