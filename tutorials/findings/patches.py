"""Lesson "Patches and tokens": what a token knows before and after attention."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tutorials.findings.context import Context, Finding, Picture
from tutorials.findings.controls import OUTLINES, against, demonstration
from visualizer.measures.ranks import rank_correlation
from visualizer.measures.similarity import position_similarity, token_similarity
from visualizer.method import methods

NEAR, COLOUR, NEITHER = (
    "Its neighbours on the picture",
    "Patches of the same colour, wherever they lie",
    "Neither (both rank correlations below 0.3)",
)
WEAK = 0.3
"""A rank correlation below this is called no rule; the option above says so."""
CLOSE = 0.1
"""Two rank correlations nearer than this are called a draw."""
CHANGED = 1e-4
"""A token counts as changed when the difference is longer than this share of the token: 0.01 %, far above rounding."""


def chosen_patch(now: Context) -> int:
    """Number of the reader's patch, 0 first, special tokens not counted."""
    return now.chosen.row * now.grid[1] + now.chosen.column


def seen_picture(now: Context) -> NDArray[np.uint8]:
    """(height, width, 3) what is left of the picture at the model's input size, in colours a screen can show."""
    geometry = now.record.geometry
    if geometry is None:
        raise ValueError("seen picture: want a record with a geometry, got none")
    corners = geometry.boxes_to_original([[0, 0, *geometry.seen]])[0]
    image, given = now.picture.image, now.picture.image.size
    scale = np.tile(np.array(given) / geometry.original, 2)
    box = np.clip(corners * scale, 0, np.tile(given, 2))
    # Halving with a box filter is what scene-vit does; for the others a box filter is near enough to look at.
    return np.asarray(image.resize(geometry.seen, Image.Resampling.BOX, box=tuple(box.tolist())).convert("RGB"))


def _tiles(now: Context, pixels: NDArray[Any]) -> NDArray[Any]:
    """(rows, columns, height, width, 3) the patches of (height, width, 3) pixels."""
    (rows, columns), (height, width) = now.grid, now.patch_size
    cut = pixels[: rows * height, : columns * width].reshape(rows, height, columns, width, 3)
    return cut.swapaxes(1, 2)


def patch_pixels(now: Context) -> NDArray[np.uint8]:
    """(height, width, 3) the chosen patch of `seen_picture`."""
    return np.asarray(_tiles(now, seen_picture(now))[now.chosen.row, now.chosen.column])


def mean_colours(now: Context) -> NDArray[np.float64]:
    """(patches, 3) mean red, green and blue of every patch, 0 to 255."""
    return np.asarray(_tiles(now, seen_picture(now).astype(np.float64)).mean(axis=(2, 3)).reshape(-1, 3))


def prepared(model: Any, picture: Picture) -> NDArray[np.float32]:
    """(height, width, 3) the numbers the model is given."""
    return model.prepare(picture.image).pixels[0].numpy().transpose(1, 2, 0)


def input_numbers(now: Context) -> NDArray[np.float32]:
    """(patches, 3 * height * width) the numbers the model is given, in the order of a filter's."""
    tiles = _tiles(now, now.run(prepared, now.model, now.picture)).transpose(0, 1, 4, 2, 3)
    return np.asarray(tiles.reshape(now.grid[0] * now.grid[1], -1))


def hidden_states(model: Any, picture: Picture) -> NDArray[np.float32]:
    """(layers + 1, tokens, width): the tokens that enter the first layer, then those that leave each layer."""
    return model.hidden_states(picture.image)


def position_table(model: Any, picture: None) -> NDArray[np.float32] | None:
    """(tokens, width) the learned positions; None for a model without one a token."""
    return model.position_table()


def patch_filters(model: Any, picture: None) -> NDArray[np.float32]:
    """(width, 3, height, width of a patch) the filters of the linear patch embedding."""
    return model.patch_filters()


def likeness(now: Context, depth: int, centred: bool = False) -> NDArray[np.float64]:
    """(patches, patches) cosine similarity of patch tokens.

    Args:
        now: the picture under the model.
        depth: 0 for the tokens that enter the first layer, n for those that leave layer n.
        centred: subtract the mean of all patch tokens first, so that only how they differ is compared.
    """
    tokens = now.run(hidden_states, now.model, now.picture)[depth][now.axis.prefix :]
    return token_similarity(tokens, centred)


def ring(grid: tuple[int, int], patch: int) -> NDArray[np.intp]:
    """(patches,) how many steps, diagonal ones included, every patch lies from `patch`; 1 marks its neighbours."""
    row, column = divmod(np.arange(grid[0] * grid[1]), grid[1])
    return np.maximum(np.abs(row - row[patch]), np.abs(column - column[patch]))


def change(now: Context) -> NDArray[np.float64]:
    """(layers + 1, tokens) how far tokens move when the chosen patch is painted over, as a share of their length."""
    found: NDArray[np.float64] = now.run(painted, now.model, now.picture, now.chosen.row, now.chosen.column)
    return found


def painted(model: Any, picture: Picture, row: int, column: int) -> Any:
    """(layers + 1, tokens) what the run of that name leaves."""
    needs = methods()["painted"].needs_for(query=(row, column))
    return model.attend(picture.image, keep=needs, layers=[0]).signals["painted"]


def linear_error(now: Context) -> float:
    """How far the entering tokens are from "filters times pixels + position + one bias for all", largest difference.

    Raises:
        ValueError: the model has no position table of this grid, so that the formula cannot be checked.
    """
    table, filters = (now.run(work, now.model, None) for work in (position_table, patch_filters))
    tokens = now.run(hidden_states, now.model, now.picture)[0]
    if table is None or len(table) != len(tokens):
        raise ValueError("linear check: want a position table with one row a token")
    rest = (tokens - table)[now.axis.prefix :] - input_numbers(now) @ filters.reshape(len(filters), -1).T
    return float(np.abs(rest - rest.mean(axis=0)).max())


def most_alike_at_first(now: Context) -> Finding:
    """Does likeness before any attention follow place or colour? Rank correlations over all other patches."""
    patch = chosen_patch(now)
    others = np.arange(now.grid[0] * now.grid[1]) != patch
    alike = likeness(now, 0)[patch][others]
    colours = mean_colours(now)
    far = np.hypot(*(np.array(divmod(np.arange(len(colours)), now.grid[1])).T - divmod(patch, now.grid[1])).T)
    place = _rank_correlation(alike, -far[others])
    colour = _rank_correlation(alike, -np.linalg.norm(colours - colours[patch], axis=1)[others])
    found = {NEAR: place, COLOUR: colour}
    best = max(found.values())
    answer = tuple(name for name, value in found.items() if value >= WEAK and best - value < CLOSE)
    text = (
        "Before the first layer, similarity to this patch (cosine, mean not subtracted) follows closeness on "
        f"the picture with a rank correlation of {place:.2f} and closeness of mean colour with {colour:.2f} (1: the same "
        "order, 0: no rule)."
    )
    return Finding(answer or NEITHER, text)


def _rank_correlation(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Spearman's; 0 if one side is constant."""
    found = rank_correlation(first, second)
    return found if np.isfinite(found) else 0.0


def tokens_of_half_patches(now: Context) -> Finding:
    """Tokens if the same input were cut into patches of half the height and half the width."""
    rows, columns = now.grid
    count = now.axis.prefix + 4 * rows * columns
    text = (
        f"{2 * rows} x {2 * columns} = {4 * rows * columns} patches and {now.axis.prefix} special "
        f"token{'s' * (now.axis.prefix != 1)}: {count} tokens instead of {len(now.axis)}. One head's table of "
        f"weights grows from {len(now.axis) ** 2:,} to {count**2:,} numbers."
    )
    return Finding(float(count), text)


@demonstration
def only_own_patch(now: Context) -> Finding:
    """Paint the chosen patch over and count which other tokens change before and after the chosen layer.

    Every softmax gives every token some weight, so that none but rounding keeps a token from changing.
    """
    depth = now.chosen.layer + 1
    before, after = (change(now)[d] > CHANGED for d in (0, depth))
    text = (
        f"With this one patch painted over, {int(before.sum())} of {len(before)} tokens that enter layer 1 change "
        f"by more than 0.01 % of their length, and {int(after.sum())} of those that leave layer {depth}."
    )
    return Finding(None, text)


@demonstration
def one_layer_is_enough(now: Context) -> Finding:
    """How far tokens have changed after layer 1 alone; that all have changed at all follows from softmax."""
    shares = change(now)[1]
    changed = shares > CHANGED
    text = (
        f"With this one patch painted over, {int(changed.sum())} of {len(changed)} tokens that leave layer 1 "
        f"change by more than 0.01 % of their length, but only {int((shares > 0.01).sum())} by more than 1 %; the "
        f"median change is {np.median(shares):.2%}."
    )
    return Finding(None, text)


@demonstration
def neighbours_positions(now: Context) -> Finding:
    """How similar position embeddings of touching patches and of all others are; the same for every picture."""
    table = now.run(position_table, now.model, None)
    if table is None or len(table) != len(now.axis):
        why = "This model has no learned position of its own for each token of this picture: no table, or one of another size."
        return Finding(None, why)
    size = now.grid[0] * now.grid[1]
    alike = position_similarity(table, now.grid, now.axis.prefix).reshape(size, size)
    rings = np.stack([ring(now.grid, patch) for patch in range(size)])
    near, far = float(alike[rings == 1].mean()), float(alike[rings > 1].mean())
    each = [alike[p][rings[p] == 1].mean() > alike[p][rings[p] > 1].mean() for p in range(size)]
    text = (
        f"Mean cosine similarity of the position embeddings of touching patches {near:.2f}, of all others {far:.2f}; "
        f"the touching ones are more similar for {sum(each)} of {size} patches."
    )
    return Finding(None, text)


@against(OUTLINES)
def objects_gather(now: Context) -> Finding:
    """Does the gap between likeness inside objects and likeness to the ground widen with depth?"""
    truth = now.truth
    filled = 0 if truth is None else int((truth > 0.5).sum())
    if truth is None or filled < 2:
        return Finding(
            None, f"Outlined objects fill {filled} patches here, and this needs at least 2 that they fill by half."
        )
    inside = truth.ravel() > 0.5
    ground = truth.ravel() == 0
    depth = now.chosen.layer + 1
    gaps = [_gap(likeness(now, d, centred=True), inside, ground) for d in (0, depth)]
    (own0, other0), (own, other) = gaps
    text = (
        f"Cosine similarity with the mean subtracted, before layer 1: {own0:.2f} between object patches, "
        f"{other0:.2f} from object to ground. After layer {depth}: {own:.2f} and {other:.2f}. The gap went from "
        f"{own0 - other0:.2f} to {own - other:.2f}."
    )
    return Finding(own - other > own0 - other0, text)


def _gap(alike: NDArray[np.float64], inside: NDArray[np.bool_], ground: NDArray[np.bool_]) -> tuple[float, float]:
    block = alike[np.ix_(inside, inside)]
    return float(block[~np.eye(len(block), dtype=bool)].mean()), float(alike[np.ix_(inside, ground)].mean())


ALONE, NEAR_BY, ALL, BETWEEN = (
    "Its own token alone",
    "Its own token and those of its 8 neighbours",
    "All, or nearly all (9 in 10)",
    "More than its neighbours, but not nearly all",
)


def reached_by_one_layer(now: Context) -> Finding:
    """Which tokens have changed after layer 1 when the chosen patch is painted over."""
    heard = one_layer_is_enough(now)
    changed = np.flatnonzero(change(now)[1] > CHANGED) - now.axis.prefix
    near = ring(now.grid, chosen_patch(now))[changed[changed >= 0]].max(initial=0)
    if len(changed) >= 0.9 * len(now.axis):
        return Finding(ALL, heard.text)
    few = near <= 1 and len(changed[changed >= 0]) == len(changed)
    return Finding((ALONE if near == 0 else NEAR_BY) if few else BETWEEN, heard.text)
