"""Heads that see parts: every head scored on outlines in photographs, ranked beside maps that know no model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tutorials.findings.context import Context, Finding
from tutorials.findings.controls import demonstration
from visualizer.measures.controls import centre_prior, colour_contrast
from visualizer.measures.masks import covered
from visualizer.measures.score import chance, mass_in_mask, pointing_hit
from vit_attention.gate import GateError
from vit_attention.records import AttentionRecord
from worlds.photographs import photographs

OWN = "own outline"
FEWEST = 20
"""Outlined photographs below which a ranking is no verdict."""


@dataclass(frozen=True, eq=False)
class Measured:
    """Scores of all heads on one outline.

    Attributes:
        photograph, outline: names.
        main: whether it is the main object of its photograph.
        inside, hits: (layers, heads) share of weight inside, and whether the strongest patch lies on it.
        controls: name to (share inside, hit; for chance its probability).
    """

    photograph: str
    outline: str
    main: bool
    inside: NDArray[np.float64]
    hits: NDArray[np.bool_]
    controls: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Ranked:
    """One line of the table: a head over all outlines.

    Attributes:
        layer, head: from 0.
        inside: mean share of its weight inside.
        chance, centre, contrast: the same of a uniform map, of the centre prior and of colour contrast.
        times: inside over chance, geometric mean, so that no small outline decides alone.
        hits: outlines on which its strongest patch lies.
        count: how many outlines there are.
    """

    layer: int
    head: int
    inside: float
    chance: float
    centre: float
    contrast: float
    times: float
    hits: int
    count: int


def class_rows(record: AttentionRecord) -> NDArray[np.float64]:
    """(layers, heads, rows, columns) what the class token reads from patches."""
    axis = record.maps[0].query
    if not axis.prefix or axis.grid is None:
        raise GateError(record.model, "a class token and patches", "a model without")
    return np.stack([layer[:, 0, axis.prefix :].reshape(-1, *axis.grid) for layer in record.layers])


def scored(
    record: AttentionRecord,
    picture: Image.Image,
    mask: Any,
    photograph: str = "",
    outline: str = OWN,
    main: bool = True,
) -> Measured:
    """The scores of all heads on one outline, of a sample photograph or of one's own picture.

    Args:
        record: of the picture; the class token asks.
        picture: as it was given to the model.
        mask: as for `visualizer.covered`, such as ``outline_mask(box_or_corners, picture.size)``.
        photograph, outline, main: what the scores are called.

    Raises:
        GateError: a mask that does not fit the picture, or of which the model saw nothing.

    >>> import vit_attention as va
    >>> from visualizer import outline_mask
    >>> from worlds.photographs import photograph
    >>> coffee = photograph("coffee").open()
    >>> record = va.load("photo-dino").attend(coffee)
    >>> own = scored(record, coffee, outline_mask((150, 80, 420, 320), coffee.size))
    >>> own.inside.shape, sorted(own.controls)
    ((12, 6), ['centre prior', 'chance', 'colour contrast'])
    """
    maps = class_rows(record)
    grid = (maps.shape[-2], maps.shape[-1])
    truth = covered(mask, grid, record.geometry)
    if not truth.any():
        raise GateError("outline", "one that covers something the model saw", "one outside of it")
    uniform = chance(truth)
    controls = {"chance": (float(uniform.mass), float(uniform.hit))}
    knowing = {"centre prior": centre_prior(grid), "colour contrast": colour_contrast(picture, grid, record.geometry)}
    for control, values in knowing.items():
        controls[control] = (float(mass_in_mask(values, truth)), float(pointing_hit(values, truth)))
    return Measured(photograph, outline, main, mass_in_mask(maps, truth), pointing_hit(maps, truth), controls)


def scores(model: Any) -> list[Measured]:
    """The scores of a model on every outline of every photograph, as far as it sees something of them."""
    found = []
    for one in photographs().values():
        if not one.outlines:
            continue
        picture, record = one.open(), model.attend(one.name)
        grid = record.maps[0].query.grid
        for n, (name, outline) in enumerate(one.outlines.items()):
            mask = outline.mask()
            if covered(mask, grid, record.geometry).any():
                found.append(scored(record, picture, mask, one.name, name, n == 0))
    return found


def best(found: Sequence[Measured], value: Callable[[Measured], NDArray[Any]]) -> tuple[int, int]:
    """(layer, head), from 0, with the largest mean of a value; of equal ones the first."""
    mean = np.mean([value(one) for one in found], axis=0)
    layer, head = np.unravel_index(int(mean.argmax()), mean.shape)
    return int(layer), int(head)


def gain(one: Measured) -> NDArray[np.float64]:
    """Logarithm of the share inside over chance, so that means are geometric and no small outline decides alone."""
    return np.log(np.maximum(one.inside, 1e-6) / one.controls["chance"][0])


def left_out(found: Sequence[Measured]) -> list[tuple[tuple[int, int], Measured]]:
    """For every photograph the head picked on all the others, and the scores on the one left out."""
    return [(best([other for other in found if other is not one], gain), one) for one in found]


def ranked(found: Sequence[Measured], most: int | None = 10) -> list[Ranked]:
    """The heads by their share inside over chance, geometric mean over all outlines, the best first.

    Args:
        found: outlines, such as the main ones of `scores`.
        most: lines of the table; None gives every head.

    Raises:
        GateError: no outline.
    """
    if not found:
        raise GateError("outlines", "at least one", "none")
    times, inside = (np.mean([value(one) for one in found], axis=0) for value in (gain, lambda one: one.inside))
    hits = np.sum([one.hits for one in found], axis=0)
    names = ("chance", "centre prior", "colour contrast")
    uniform, centre, contrast = (float(np.mean([one.controls[name][0] for one in found])) for name in names)
    order = np.argsort(-times, axis=None, kind="stable")[:most].tolist()
    rows, columns = np.divmod(order, times.shape[1])
    return [
        Ranked(
            layer,
            head,
            float(inside[layer, head]),
            uniform,
            centre,
            contrast,
            float(np.exp(times[layer, head])),
            int(hits[layer, head]),
            len(found),
        )
        for layer, head in zip(rows.tolist(), columns.tolist(), strict=True)
    ]


def _scores(model: Any, picture: None) -> list[Measured]:
    return scores(model)


def live_scores(now: Context) -> list[Measured]:
    """`scores` of the page's model."""
    return now.run(_scores, now.model, None)


@demonstration
def fair_head(now: Context) -> Finding:
    """Whether a head that was picked on the other photographs beats the centre prior on most of the photographs left out."""
    main = [one for one in live_scores(now) if one.main]
    if len(main) < 3:
        return Finding(None, f"This needs 3 outlined photographs; {len(main)} are on this machine.")
    shares = [(float(one.inside[head]), one.controls["centre prior"][0]) for head, one in left_out(main)]
    won = sum(inside > centre for inside, centre in shares)
    heads = ", ".join(sorted({f"layer {layer + 1}, head {head + 1}" for (layer, head), _ in left_out(main)}))
    area = np.mean([one.controls["chance"][0] for one in main])
    few = "" if len(main) >= FEWEST else f" {len(main)} photographs are too few for a verdict, which needs {FEWEST}."
    return Finding(
        bool(won > len(main) / 2) if not few else None,
        f"Picked on the other {len(main) - 1} photographs and scored on the one left out ({heads}): "
        f"{np.mean([inside for inside, _ in shares]):.0%} of the weight inside the main object's outline, mean of "
        f"{len(main)}; the centre prior has {np.mean([centre for _, centre in shares]):.0%}, chance {area:.0%}. It is "
        f"above the centre prior on {won} of {len(main)}.{few}",
    )
