"""What the rows and columns of a map stand for: patches, words or regions, behind named special tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

AXIS_KINDS = ("patches", "text", "regions")


@dataclass(frozen=True, eq=False)
class Axis:
    """What the rows or columns of a map stand for.

    Attributes:
        kind: "patches", "text" or "regions".
        special: names of the special tokens that lead ("class", "distillation", "register 1", ...); often none.
        grid: (rows, columns) of the patches, for patches.
        labels: one word per token after the special ones, for text; may name regions.
        boxes: (regions, 4) left, top, right, bottom in pixels of the model's input, for regions.

    >>> len(Axis.patches(14, 14, ("class",)))
    197
    """

    kind: str
    special: tuple[str, ...] = ()
    grid: tuple[int, int] | None = None
    labels: tuple[str, ...] = ()
    boxes: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if self.kind not in AXIS_KINDS:
            raise ValueError(f"axis kind: want one of {AXIS_KINDS}, got {self.kind!r}")
        if self.kind == "patches" and (self.grid is None or min(self.grid) < 1):
            raise ValueError(f"axis of patches: want a grid of at least 1 x 1, got {self.grid}")
        if self.kind == "regions" and (self.boxes is None or self.boxes.ndim != 2 or self.boxes.shape[1] != 4):
            raise ValueError("axis of regions: want boxes of shape (regions, 4)")

    @classmethod
    def patches(cls, rows: int, columns: int, special: Sequence[str] = ()) -> "Axis":
        """A grid of patches in reading order behind the named special tokens."""
        return cls("patches", tuple(special), (int(rows), int(columns)))

    @classmethod
    def text(cls, labels: Sequence[str], special: Sequence[str] = ()) -> "Axis":
        """Tokens of text behind the named special tokens."""
        return cls("text", tuple(special), labels=tuple(labels))

    @property
    def prefix(self) -> int:
        """How many special tokens lead."""
        return len(self.special)

    def __len__(self) -> int:
        if self.kind == "patches" and self.grid is not None:
            return self.prefix + self.grid[0] * self.grid[1]
        if self.kind == "regions" and self.boxes is not None:
            return self.prefix + len(self.boxes)
        return self.prefix + len(self.labels)

    def name(self, index: int) -> str:
        """Token `index` in words, for hover texts and text alternatives."""
        if index < self.prefix:
            return f"{self.special[index]} token"
        at = index - self.prefix
        if self.kind == "patches" and self.grid is not None:
            row, column = divmod(at, self.grid[1])
            return f"patch in row {row + 1}, column {column + 1}"
        return self.labels[at] if at < len(self.labels) else f"region {at + 1}"

    def to_json(self) -> dict[str, Any]:
        boxes = None if self.boxes is None else self.boxes.tolist()
        return {"kind": self.kind, "special": self.special, "grid": self.grid, "labels": self.labels, "boxes": boxes}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Axis":
        grid = data.get("grid")
        boxes = data.get("boxes")
        return cls(
            str(data["kind"]),
            tuple(str(s) for s in data.get("special", ())),
            None if grid is None else (int(grid[0]), int(grid[1])),
            tuple(str(s) for s in data.get("labels", ())),
            None if boxes is None else np.asarray(boxes, dtype=np.float64).reshape(-1, 4),
        )
