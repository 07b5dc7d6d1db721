"""What every head prefers, measured on pictures whose truth is known: objects, outlines or textured ground."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visualizer.measures.best_of_heads import BestOfHeads, exchanged, flipped
from visualizer.measures.masks import covered
from visualizer.measures.preference import EVEN, near, neighbours_of, outline_kinds, preference
from visualizer.measures.score import HIT_THRESHOLD
from vit_attention.gate import GateError, shown
from vit_attention.records import AttentionRecord
from worlds.grounds import SIDES, half_textured
from worlds.photographs import photographs
from worlds.scenes import scene

FOREGROUND, EDGE, TEXTURE = KINDS = ("foreground", "edge", "texture")
CLASS, PATCHES = ASKS = ("class token", "patches")
SCENES, PHOTOGRAPHS, GROUNDS = "scenes", "outlined photographs", "half-textured grounds"
COMPARED = {
    FOREGROUND: "a patch on an object, against one beside it",
    EDGE: "a patch on an object's outline, against one inside the object and one just outside",
    TEXTURE: "a patch of textured ground, against one of plain ground of the same mean colour",
}
SEED, COUNT = 5000, 50
"""The first scene, and how many; no model was trained on these."""
GROUND_SEEDS = 24
"""Grounds, each drawn four times, the texture on another side each time."""
_RADIUS = 2
_FILE = Path(__file__).with_name("head_kinds.json")

Groups = NDArray[np.bool_]
"""(kinds, rows, columns): the patches asked about first, then those that they are compared with."""


@dataclass(frozen=True, eq=False)
class HeadKinds:
    """What all heads of a model prefer, on many pictures.

    Attributes:
        kind: one of `KINDS`.
        asks: "class token", or "patches", each among its own neighbours.
        things, count: what was looked at, and how many.
        values: (layers, heads) mean `preference`, 0 to 1; 0.5 is no preference.
        p: (layers, heads) share of chance results in which some head does at least as well.
        level: what the best of all heads reaches by chance in 5 % of all cases.
        shares: (layers, heads) mean share of the attention on patches of the compared kinds that is on those asked about.
        chance: share of these patches that are asked about.
        untrained: the best head of the same network before training; NaN if that was not measured.
    """

    kind: str
    asks: str
    things: str
    count: int
    values: NDArray[np.float64]
    p: NDArray[np.float64]
    level: float
    shares: NDArray[np.float64]
    chance: float
    untrained: float = float("nan")

    @property
    def passed(self) -> NDArray[np.bool_]:
        """(layers, heads) heads of this kind: better than the best of all by chance, and than the best untrained one."""
        known = np.nan_to_num(self.p, nan=1.0) < 0.05
        return known & (self.values > max(EVEN, np.nan_to_num(self.untrained, nan=0.0)))

    @property
    def best(self) -> tuple[int, int]:
        """(layer, head), from 0, with the strongest preference."""
        layer, head = np.unravel_index(int(np.nanargmax(self.values)), self.values.shape)
        return int(layer), int(head)

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it, rounded to what the figure shows."""
        whole = {name: getattr(self, name) for name in ("kind", "asks", "things", "count")}
        numbers = {name: _rounded(getattr(self, name)) for name in ("values", "p", "level", "shares", "chance")}
        return {**whole, **numbers, "untrained": _rounded(self.untrained)}

    @classmethod
    def of(cls, plain: dict[str, Any]) -> "HeadKinds":
        """What `plain` gave."""
        made: dict[str, Any] = {k: np.asarray(v, np.float64) if isinstance(v, list) else v for k, v in plain.items()}
        return cls(**made)


def _rounded(value: Any) -> Any:
    return np.round(value, 3).tolist()


@lru_cache(maxsize=1)
def _stored() -> dict[str, Any]:
    return dict(json.loads(_FILE.read_text()))


def precomputed(model: str, kind: str, asks: str = CLASS, things: str = "") -> HeadKinds | None:
    """The heads of a bundled model as ``python -m benchmarks.head_kinds`` measured them; None for other models.

    Args:
        model: name of the model.
        kind: one of `KINDS`.
        asks: one of `ASKS`.
        things: of several, what is looked at; "" takes the first.

    >>> found = precomputed("scene-vit", "edge")
    >>> found.values.shape, found.things, found.count
    ((12, 12), 'scenes', 50)
    """
    for one in _stored().get(model, {}).get("kinds", []):
        if (one["kind"], one["asks"]) == (kind, asks) and things in ("", one["things"]):
            return HeadKinds.of(one)
    return None


def measured(model: Any, kind: str, things: str = "", count: int = COUNT) -> dict[str, HeadKinds]:
    """What every head of a loaded model prefers, by who asks, beside chance.

    Chance for objects and outlines: the same pictures with the outlines of one another. For textures: the same pictures
    with the two halves exchanged by coin.

    Args:
        model: a vision transformer with a class token.
        kind: one of `KINDS`.
        things: "outlined photographs" for the foreground of photographs; "" takes drawn pictures.
        count: pictures, or grounds for textures.

    Raises:
        GateError: an unknown kind, or a model without class token.
    """
    if kind not in KINDS:
        raise GateError("kind", f"one of {', '.join(KINDS)}", shown(kind))
    what = things or (GROUNDS if kind == TEXTURE else SCENES)
    looks = [_Look.of(model.attend(picture), kind, masks) for picture, masks in _pictures(kind, what, count)]
    if kind == TEXTURE:  # all four sides of a ground together favour none
        by_ground = [looks[n : n + len(SIDES)] for n in range(0, len(looks), len(SIDES))]
        tested = {
            asks: flipped(
                np.stack([np.mean([one.against(asks, one.groups) for one in four], axis=0) for four in by_ground])
            )
            for asks in ASKS
        }
    else:
        groups = np.stack([one.groups for one in looks])
        tested = {asks: exchanged(np.stack([one.against(asks, groups) for one in looks])) for asks in ASKS}
    many = len(looks) // len(SIDES) if kind == TEXTURE else len(looks)
    return {asks: _told(looks, kind, asks, what, many, found) for asks, found in tested.items()}


def _pictures(kind: str, things: str, count: int) -> Iterator[tuple[Any, tuple[NDArray[np.bool_], ...]]]:
    """Pictures and their masks: of the object, or of the textured and the plain ground."""
    if things == PHOTOGRAPHS:
        for name, one in list(photographs().items())[:count]:
            if one.mask is not None:
                yield name, (one.mask,)
    elif kind == TEXTURE:
        for seed in range(min(count, GROUND_SEEDS)):
            for ground in (half_textured(SEED + seed, side) for side in SIDES):
                yield ground.picture, (ground.textured, ground.plain)
    else:
        for drawn in (scene(SEED + n) for n in range(count)):
            yield drawn.picture, (drawn.mask,)


def groups_of(kind: str, covers: list[NDArray[np.float64]]) -> Groups:
    """The patches of a kind and those that they are compared with, from (rows, columns) shares that the masks cover."""
    if kind == TEXTURE:
        return np.stack([cover >= 1 - HIT_THRESHOLD for cover in covers])
    if kind == EDGE:
        return np.stack(outline_kinds(covers[0]))
    return np.stack([covers[0] > HIT_THRESHOLD, covers[0] <= HIT_THRESHOLD])


@dataclass(frozen=True, eq=False)
class _Look:
    """What the measures need of one record, so that no record is kept.

    Attributes:
        shape: (layers, heads).
        rows: by who asks, (all heads, rows, columns); of patches the mean over all of them.
        neighbours: what every patch gives its neighbours.
        groups: the patches of the kinds that are compared.
    """

    shape: tuple[int, int]
    rows: dict[str, NDArray[np.float64]]
    neighbours: NDArray[np.float32]
    groups: Groups

    @classmethod
    def of(cls, record: AttentionRecord, kind: str, masks: tuple[NDArray[np.bool_], ...]) -> "_Look":
        axis = record.maps[0].query
        if not axis.prefix or axis.grid is None:
            raise GateError(record.model, "a class token and patches", "a model without")
        weights = np.concatenate([one.single for one in record.maps])
        rows = {CLASS: weights[:, 0, axis.prefix :], PATCHES: weights[:, axis.prefix :, axis.prefix :].mean(axis=1)}
        near_by = neighbours_of(weights[:, axis.prefix :, axis.prefix :], axis.grid, _RADIUS).astype(np.float32)
        return cls(
            (len(record.maps), len(record.maps[0].weights)),
            {asks: row.reshape(-1, *axis.grid).astype(np.float64) for asks, row in rows.items()},
            near_by,
            groups_of(kind, [covered(mask, axis.grid, record.geometry) for mask in masks]),
        )

    def against(self, asks: str, groups: Groups) -> NDArray[np.float64]:
        """(..., all heads) preferences by (..., kinds, rows, columns) groups, its own or those of other pictures."""
        grid = (groups.shape[-2], groups.shape[-1])
        if asks == PATCHES:
            return near(self.neighbours, grid, groups, _RADIUS)
        flat = groups.reshape(-1, *groups.shape[-3:])
        found = np.stack([preference(self.rows[asks], *one) for one in flat])
        return np.asarray(found.reshape(*groups.shape[:-3], -1))

    def share(self, asks: str) -> NDArray[np.float64]:
        """(all heads + 1) share of the weight on all groups that is on the first; last the share of patches."""
        flat = self.rows[asks].reshape(len(self.rows[asks]), -1)
        inside = np.stack([self.groups[0].ravel(), self.groups.any(axis=0).ravel()]).astype(float)
        sums = np.vstack([flat, np.ones(flat.shape[1])]) @ inside.T
        return np.asarray(sums[:, 0] / np.maximum(sums[:, 1], 1e-12))


def _told(looks: list[_Look], kind: str, asks: str, things: str, count: int, found: BestOfHeads) -> HeadKinds:
    shares, shape = np.mean([one.share(asks) for one in looks], axis=0), looks[0].shape
    numbers = (found.values.reshape(shape), found.p.reshape(shape), found.level, shares[:-1].reshape(shape))
    return HeadKinds(kind, asks, things, count, *numbers, float(shares[-1]))
