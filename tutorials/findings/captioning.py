"""A picture captioned by a model, as the page shows it: the record, the picture and its truth, the chosen head and word."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import Picture, Run, anew
from visualizer.measures.regions import region_heat
from visualizer.words.maps import describe
from vit_attention.records import AttentionMap, AttentionRecord, Axis
from worlds import captions as worlds_captions
from worlds.caption_marks import named
from worlds.scenes import coverage

END = "<end>"
"""What a record calls the step that ended the caption."""


@dataclass(frozen=True)
class Captioning:
    """One picture captioned by one model, as the student sees it now.

    Attributes:
        model: name of the captioner.
        picture: the picture and, for scenes, its truth.
        record: the refiner's maps and the decoder's.
        head: 0 first, or None for the mean of all.
        word: row of the decoder's map, 0 first; the last one may be the end.
        beams: captions kept alive while this one was searched.
        runs: whether the model is here, so that findings can run it again.
        run: runs the model for what the record does not hold.
        again: makes this anew from names, for what outlives a run of the app and must hold no record; None elsewhere.
    """

    model: str
    picture: Picture
    record: AttentionRecord
    head: int | None
    word: int
    beams: int = 1
    runs: bool = True
    run: Run = field(default=anew, repr=False, compare=False)
    again: "Callable[[], Captioning] | None" = field(default=None, repr=False, compare=False)
    _kept: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def view(self) -> tuple[object, ...]:
        """What is looked at: two contexts of the same view give the same findings."""
        return (self.model, self.picture.key, self.head, self.word, self.beams, self.words)

    @property
    def decoder(self) -> AttentionMap:
        return next(one for one in self.record.maps if one.kind == "cross")

    @property
    def refiner(self) -> tuple[AttentionMap, ...]:
        return tuple(one for one in self.record.maps if one.kind == "self")

    @property
    def axis(self) -> Axis:
        """The regions."""
        return self.decoder.key

    @property
    def words(self) -> tuple[str, ...]:
        """One per row of the decoder's map."""
        return self.decoder.query.labels

    def rows(self, head: int | None) -> NDArray[np.float32]:
        """(words, regions) in one head, or in the mean of all."""
        weights = self.decoder.single
        return weights.mean(axis=0) if head is None else weights[head]

    def row(self) -> NDArray[np.float32]:
        """(regions,) what the chosen word looked at."""
        return np.asarray(self.rows(self.head)[self.word])

    def heat(self, values: NDArray[Any]) -> NDArray[Any]:
        """(..., rows, columns) of (..., regions), over the model's input."""
        return region_heat(values, self.axis, self.record.geometry)

    @property
    def truth(self) -> worlds_captions.Caption | None:
        """The true caption of a drawn scene."""
        if "truth" not in self._kept:
            scene = self.picture.scene
            self._kept["truth"] = None if scene is None else worlds_captions.caption(scene)
        found: worlds_captions.Caption | None = self._kept["truth"]
        return found

    @property
    def nouns(self) -> dict[int, int | None]:
        """Word to the index of the thing it names, None if no such thing is there; {} without truth."""
        return {} if self.truth is None else named(self.words, self.truth)

    def covers(self) -> list[NDArray[np.float32]]:
        """(regions,) share of every cell that each thing of the scene covers; [] without truth or grid."""
        scene, grid = self.picture.scene, self.axis.grid
        if scene is None or grid is None or scene.mask.shape[0] % grid[0] or scene.mask.shape[1] % grid[1]:
            return []
        return [coverage(thing.mask, grid).ravel() for thing in scene.things]

    @property
    def gates(self) -> NDArray[np.float64] | None:
        """(words,) how far the decoder's gate is open, mean over its channels; None if it has none."""
        return self._gate("decoder")

    @property
    def refiner_gates(self) -> NDArray[np.float64] | None:
        """(layers, regions) how far the refiner's gates are open, mean over channels; None if it has none."""
        return self._gate("refiner")

    def _gate(self, name: str) -> NDArray[np.float64] | None:
        kept = self.record.settings.get("gates")
        found = kept.get(name) if isinstance(kept, dict) else None
        return None if found is None else np.asarray(found, dtype=np.float64)

    def head_name(self) -> str:
        return "mean of all heads" if self.head is None else f"head {self.head + 1}"

    def in_heads(self) -> str:
        """The chosen head inside a sentence."""
        return "the " * (self.head is None) + self.head_name()

    def region_name(self, number: int) -> str:
        """A region in words; what other models call patches are cells of a convolutional network here."""
        return self.axis.name(number).replace("patch", "cell")

    def map_name(self) -> str:
        """Word and head in words."""
        return f"word {self.word + 1}, “{shown(self.words[self.word])}”, {self.head_name()}"


def shown(word: str) -> str:
    """A word as pages say it; the end is no word."""
    return "(end)" if word == END else word


def turned_round(now: Captioning) -> bool:
    """Whether the sentence describes the scene's relation from its second thing to its first, as true as the caption."""
    scene, truth = now.picture.scene, now.truth
    if scene is None or truth is None or truth.relation is None:
        return False
    turned = [(thing.colour, thing.shape) for thing in reversed(scene.things)]
    words, _ = worlds_captions.phrase(turned, worlds_captions.opposite(truth.relation))
    return tuple(word for word in now.words if word != END) == words


def describe_row(now: Captioning, row: NDArray[Any], name: str, unit: str = "share of attention") -> str:
    """A row over regions in words; regions of a grid are called by their cell, others by number and place."""
    axis = now.axis
    if axis.grid is not None:
        return describe(row, axis, name, unit, geometry=now.record.geometry)
    boxes = now.axis.boxes
    assert boxes is not None
    names = tuple(numbered(now, n) for n in range(len(boxes)))
    return describe(row, Axis("regions", labels=names, boxes=boxes), name, unit)


def numbered(now: Captioning, number: int) -> str:
    """A region by its number and place."""
    if now.axis.grid is not None:
        return f"region {number + 1}, the {now.region_name(number)}"
    box = None if now.axis.boxes is None else now.axis.boxes[number]
    if box is None or np.isnan(box).any():
        return f"region {number + 1}"
    left, top, right, bottom = (round(side) for side in box)
    return f"region {number + 1} ({left}, {top} to {right}, {bottom} pixels)"
