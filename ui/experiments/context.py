"""What an experiment is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ui.pictures import Picture
from ui.state import Selection
from vit_attention.records import AttentionRecord, Axis
from worlds.scenes import coverage


@dataclass(frozen=True)
class Context:
    """One picture under one model, as the reader sees it now.

    Attributes:
        model: name of the model that made the record.
        picture: the picture and, for scenes, its truth.
        record: every map of it.
        chosen: layer, head and query of the reader.
    """

    model: str
    picture: Picture
    record: AttentionRecord
    chosen: Selection
    _single: dict[int, NDArray[np.float32]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def view(self) -> tuple[object, ...]:
        """What is looked at: two contexts of the same view give the same findings."""
        return (self.model, self.picture.key, self.chosen)

    @property
    def axis(self) -> Axis:
        return self.record.maps[0].query

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of the patches."""
        return self.axis.grid or (1, 1)

    def heads(self, layer: int) -> NDArray[np.float32]:
        """(heads, tokens, tokens) weights of one layer in float32."""
        # The layer last asked for stays converted: pages ask for one again and again. Only one, since a fragment keeps its
        # context for as long as the session lasts.
        if layer not in self._single:
            self._single.clear()
            self._single[layer] = self.record.maps[layer].single
        return self._single[layer]

    def weights(self) -> NDArray[np.float32]:
        """(tokens, tokens) weights of the chosen layer: the chosen head, or the mean of all heads."""
        layer = self.heads(self.chosen.layer)
        return layer.mean(axis=0) if self.chosen.head is None else layer[self.chosen.head]

    def row(self) -> NDArray[np.float32]:
        """(tokens,) what the chosen query reads; the mean of the rows if several patches ask together."""
        weights = self.weights()
        if self.chosen.patches:
            return weights[[self.axis.prefix + p for p in self.chosen.patches]].mean(axis=0)
        return weights[self.chosen.query]

    def patch_map(self, row: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """(rows, columns) the patch part of a row of weights (default: the chosen one); special tokens left out."""
        values = self.row() if row is None else row
        return values[self.axis.prefix :].reshape(self.grid)

    @property
    def truth(self) -> NDArray[np.float32] | None:
        """(rows, columns) share of every patch that named objects cover; None for photographs."""
        scene, geometry = self.picture.scene, self.record.geometry
        if scene is None or geometry is None:
            return None
        return coverage(scene.mask, self.grid) if scene.mask.shape[0] % self.grid[0] == 0 else None

    def query_name(self) -> str:
        """The asking token in words."""
        if self.chosen.patches:
            return f"{len(self.chosen.patches)} patches together"
        return f"the {self.axis.name(self.chosen.query)}"

    def head_name(self) -> str:
        """The chosen head in words."""
        return "mean of all heads" if self.chosen.head is None else f"head {self.chosen.head + 1}"


@dataclass(frozen=True)
class Finding:
    """The outcome of an experiment on the live numbers.

    Attributes:
        answer: for predictions and choices the option that is right (or several that all are); for number questions
            the number; for claims whether it holds here, None if this picture or model cannot test it. None where this picture or model cannot tell.
        text: one or two sentences with the numbers and units that show it.
    """

    answer: str | tuple[str, ...] | float | bool | None
    text: str


Experiment = Callable[[Any], Finding]
