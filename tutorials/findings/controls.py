"""Controls that know nothing: the same finding on attention that cannot have learned what is claimed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tutorials.findings.altered import Altered, altered, outlines_moved, showing, through, with_maps
from tutorials.findings.captioning import Captioning
from tutorials.findings.context import Context
from tutorials.findings.page import Inside, Reading
from visualizer.measures.controls import centre_prior, colour_contrast
from visualizer.measures.score import HIT_THRESHOLD
from vit_attention.records import AttentionMap, AttentionRecord

Look = TypeVar("Look", bound=Callable[..., Any])
Random = np.random.Generator
NEAR, SIMILAR = 1.5, 20.0
"""Standard deviation, in patches, of what is near; distance in red, green and blue (0 to 255) over which likeness falls by e."""


@dataclass(frozen=True)
class Control:
    """What a claim has to beat.

    Attributes:
        name: in words, as a verdict says it.
        change: from what a finding is given, and random numbers that are the same on every run, to what it is given instead.
    """

    name: str
    change: Callable[[Any, Random], Any]


UNTRAINED = "untrained network"
"""The control that every claim has; it needs a model of its own, which `tutorials.claims` makes."""


def against(*controls: Control) -> Callable[[Look], Look]:
    """Marks a finding with the controls that fit its claim, beside the untrained network.

    >>> finding = against(*WHERE)(lambda now: None)
    >>> [one.name for one in finding.controls]
    ['colour contrast', 'blobs', 'centre']
    """

    def mark(finding: Look) -> Look:
        finding.controls = controls  # type: ignore[attr-defined]
        return finding

    return mark


def demonstration(finding: Look) -> Look:
    """Marks a finding whose outcome arithmetic decides: it shows its numbers and has no verdict."""
    finding.kind = "demonstration"  # type: ignore[attr-defined]
    return finding


GROUPS = 10
"""How many groups of pages are tested for a finding that reads several pages at once."""


def in_groups(finding: Look) -> Look:
    """Marks a finding that reads several pages together, so that a group of pages counts as one."""
    finding.groups = GROUPS  # type: ignore[attr-defined]
    return finding


def groups(finding: Callable[..., Any]) -> int | None:
    """How many groups are tested; None for a finding that looks at one picture or page at a time."""
    return getattr(finding, "groups", None)


def kind(finding: Callable[..., Any]) -> str:
    """ "demonstration", or "claim" for every other finding."""
    return str(getattr(finding, "kind", "claim"))


def controls(finding: Callable[..., Any]) -> tuple[Control, ...]:
    """The controls that a finding is marked with."""
    return tuple(getattr(finding, "controls", ()))


def _contrast(now: Any, rng: Random) -> Any:
    picture = now.document.image if isinstance(now, Reading) else now.picture.image
    return showing(now, "colour contrast", np.nan_to_num(colour_contrast(picture, _grid(now), now.record.geometry)))


def _centre(now: Any, rng: Random) -> Any:
    return showing(now, "centre", centre_prior(_grid(now)))


def _near(now: Context, rng: Random) -> Any:
    at = np.argwhere(np.ones(now.grid)).astype(np.float64)
    return _pairs(now, "near patches", np.exp(-((at[:, None] - at[None]) ** 2).sum(axis=-1) / (2 * NEAR**2)))


def _same_colour(now: Context, rng: Random) -> Any:
    small = now.picture.image.resize(now.grid[::-1], Image.Resampling.BOX)
    colours = np.asarray(small.convert("RGB"), np.float64).reshape(-1, 3)
    apart = np.linalg.norm(colours[:, None] - colours[None], axis=-1)
    return _pairs(now, "patches of the same colour", np.exp(-apart / SIMILAR))


def _pairs(now: Context, name: str, values: NDArray[np.float64]) -> Any:
    """The context whose patches read one another like this (patches, patches) table, and special tokens all alike."""
    rows = np.concatenate([np.ones((now.axis.prefix, values.shape[1])), values])
    return showing(now, name, rows.reshape(-1, *now.grid))


def _scrambled(now: Context, rng: Random) -> Any:
    (rows, columns), image = now.grid, now.picture.image
    height, width = image.height // rows, image.width // columns
    cut = np.asarray(image)[: rows * height, : columns * width].reshape(rows, height, columns, width, -1)
    tiles = cut.swapaxes(1, 2).reshape(rows * columns, height, width, -1)[rng.permutation(rows * columns)]
    mixed = tiles.reshape(rows, columns, height, width, -1).swapaxes(1, 2).reshape(rows * height, columns * width, -1)
    picture = replace(now.picture, image=Image.fromarray(mixed))
    return replace(now, picture=picture, run=through(now.run, "picture scrambled", lambda model: model))


def _biases(now: Inside, rng: Random) -> Any:
    order = rng.permutation(now.plan[0].heads)
    order = np.roll(order, 1)[np.argsort(order)]  # no head keeps its own

    def model(own: Any) -> Altered:
        def windows(*args: Any) -> Any:
            found = own.windows(*args)
            return replace(found, bias=found.bias[order]) if len(found.bias) == len(order) else found

        return Altered(own, windows=windows)

    return _encoder(now, "biases exchanged", model)


def _stages(now: Inside, rng: Random) -> Any:
    order = rng.permutation(len(now.plan))

    def model(own: Any) -> Altered:
        def windows(given: Any, stage: int, block: int, queries: Any) -> Any:
            other = now.plan[order[stage]]
            return own.windows(given, other.number, other.blocks - 1, None)

        return Altered(own, windows=windows)

    return _encoder(now, "stages in random order", model)


def _encoder(now: Inside, name: str, model: Callable[[Any], Altered]) -> Inside:
    return replace(now, run=through(now.run, name, model))


def _blobs(now: Any, rng: Random) -> Any:
    grid, size = _grid(now), _size(now)
    rows = 1 if isinstance(now, Context) else len(now.tokens if isinstance(now, Reading) else now.words)
    made = [blob(grid, size, rng) for _ in range(rows)]
    return showing(now, "blobs", made[0] if rows == 1 else np.stack(made))


def blob(grid: tuple[int, int], size: int, rng: Random) -> NDArray[np.float64]:
    """(rows, columns) 1 on the `size` patches nearest a random point, and a little that falls off with distance elsewhere.

    >>> int((blob((4, 4), 5, np.random.default_rng(0)) >= 1).sum())
    5
    """
    down, right = np.indices(grid)
    far = np.hypot(down - rng.uniform(-0.5, grid[0] - 0.5), right - rng.uniform(-0.5, grid[1] - 0.5))
    nearest = np.argsort(np.argsort(far, axis=None, kind="stable")).reshape(grid) < size
    return np.asarray(nearest + 1e-3 * (1 - far / far.max()))


def _grid(now: Any) -> tuple[int, int]:
    if isinstance(now, Captioning):
        return now.axis.grid or (1, 1)
    found: tuple[int, int] = now.grid
    return found


def _size(now: Any) -> int:
    """How many patches a blob as large as what is looked for has."""
    if isinstance(now, Captioning):
        return max(1, round(float(np.mean([(cover > HIT_THRESHOLD).sum() for cover in now.covers()] or [1]))))
    if isinstance(now, Context) and now.truth is not None:
        return max(1, int((now.truth > HIT_THRESHOLD).sum()))
    return 1  # a token's print


def _layers(now: Any, rng: Random) -> Any:
    def change(record: AttentionRecord, rng: Random) -> AttentionRecord:
        order = rng.permutation(len(record.maps))
        return with_maps(
            record, [replace(one, weights=record.maps[n].weights) for one, n in zip(record.maps, order, strict=True)]
        )

    return altered(now, "layers in random order", change, rng)


def _heads(now: Any, rng: Random) -> Any:
    maps = [one for one in now.record.maps if one.kind == now.record.maps[0].kind]
    slots = [(n, head) for n, one in enumerate(maps) for head in range(len(one.weights))]
    order = iter(rng.permutation(len(slots)))
    mixed = []
    for one in maps:
        taken = [slots[next(order)] for _ in one.weights]
        mixed.append(replace(one, weights=np.stack([maps[n].weights[head] for n, head in taken]), gradient=None))
    # What is looked at elsewhere keeps its order: two pictures whose heads were exchanged alike would agree as before.
    run = through(now.run, "heads exchanged", lambda model: model)
    return replace(now, record=with_maps(now.record, mixed), run=run)


def _rows(now: Any, rng: Random) -> Any:
    def change(record: AttentionRecord, rng: Random) -> AttentionRecord:
        crossed = next(one for one in record.maps if one.kind == "cross")
        order = rng.permutation(crossed.weights.shape[1])
        maps = [replace(m, weights=m.weights[:, order]) if m.kind == "cross" else m for m in record.maps]
        gates = record.settings.get("gates")
        if isinstance(gates, dict) and gates.get("decoder") is not None:
            mixed = np.asarray(gates["decoder"])[order].tolist()
            record = replace(record, settings={**record.settings, "gates": {**gates, "decoder": mixed}})
        return with_maps(record, maps)

    return altered(now, "words exchanged", change, rng)


def _keys(now: Any, rng: Random) -> Any:
    def mixed(one: AttentionMap, rng: Random) -> AttentionMap:
        first = one.key.prefix
        order = [
            np.concatenate([np.arange(first), rng.permutation(np.arange(first, len(one.key)))]) for _ in one.weights
        ]
        return replace(one, weights=np.stack([head[:, n] for head, n in zip(one.weights, order, strict=True)]))

    def change(record: AttentionRecord, rng: Random) -> AttentionRecord:
        return with_maps(record, [mixed(one, rng) for one in record.maps])

    return altered(now, "patches in random order", change, rng)


def _norms(now: Any, rng: Random) -> Any:
    def change(record: AttentionRecord, rng: Random) -> AttentionRecord:
        first = record.maps[0].key.prefix
        order = np.concatenate([np.arange(first), rng.permutation(np.arange(first, record.norms.shape[1]))])
        return replace(record, norms=record.norms[:, order])

    return altered(now, "lengths exchanged", change, rng)


WHERE = (Control("colour contrast", _contrast), Control("blobs", _blobs), Control("centre", _centre))
"""Against claims about where attention lies: maps of places that are easily right."""
LAYERS = Control("layers in random order", _layers)
HEADS = Control("heads exchanged", _heads)
WORDS = Control("words exchanged", _rows)
PATCHES = Control("patches in random order", _keys)
LENGTHS = Control("lengths exchanged", _norms)
OUTLINES = Control("outlines moved", outlines_moved)
PAIRS = (Control("near patches", _near), Control("patches of the same colour", _same_colour))
"""Against claims about which patches read which."""
BIASES = Control("biases exchanged", _biases)
SCRAMBLED = Control("picture scrambled", _scrambled)
STAGES = Control("stages in random order", _stages)
