"""Findings of the page on covered patches: what the answer of a model loses or keeps when parts of its picture are changed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tutorials.findings.captioning import END
from tutorials.findings.context import NO_TRUTH, Context, Finding, Picture, Run
from tutorials.findings.controls import WHERE, against, blob
from tutorials.findings.page import Document
from tutorials.findings.rollout import CLOSE, patch_rollout
from visualizer.measures import deletion
from visualizer.measures.fields import fields
from visualizer.measures.reading import token_names
from visualizer.measures.score import mass_in_mask
from visualizer.method import methods
from vit_attention.inputs.edited import edited
from vit_attention.records import Prediction, Similar
from vit_attention.records.geometry import Geometry
from worlds.photographs import photographs
from worlds.scenes import SHAPES, coverage

AT_ONCE = 8
"""Pictures sent through the model together."""
LIKENESS = "likeness to the unchanged picture"
"""The score of a model that names no classes: the cosine similarity of its class token after the last layer, before and after."""
BLOBS = 10
"""Random blobs that covered patches are compared with."""
FILLS = ("mean", "grey", "black", "blur")
SAME = 0.05
"""Probabilities this close count as the same for all fills."""
SHIFTS = ((0, 4), (0, -4), (4, 0), (-4, 0))
"""Where an object is moved to, in patches (down, right): the first that keeps it in the picture and off the other objects."""


class Edit(NamedTuple):
    """What is done to a picture; the fields are those of `edited`, `other` by the name of a drawn or sample picture."""

    patches: tuple[int, ...] = ()
    way: str = "mean"
    seed: int = 0
    quarters: int = 2
    shift: tuple[int, int] = (0, 0)
    other: str = ""

    def of(self, image: Image.Image, geometry: Geometry | None, grid: tuple[int, int]) -> Image.Image:
        """The picture, edited."""
        other = by_name(self.other).image if self.way == "paste" else None
        how: dict[str, Any] = {"seed": self.seed, "quarters": self.quarters, "shift": self.shift, "other": other}
        return edited(image, geometry, grid, self.patches, self.way, **how)


def by_name(name: str) -> Picture:
    """The drawn scene or sample photograph of a name."""
    return Picture.photograph(name) if name in photographs() else Picture.drawn(name)


def scored(
    model: Any,
    picture: Picture,
    edits: tuple[Edit, ...],
    labels: tuple[str, ...],
    *,
    geometry: Geometry | None,
    grid: tuple[int, int],
) -> NDArray[np.float64]:
    """(edits, classes) probability of every class after each edit; (edits, 1) the likeness for a model without classes."""
    asked = model.about(labels) if labels else model
    if not asked.classes:
        first = _class_token(model, picture.image)
        return np.array([[_cosine(first, _class_token(model, one.of(picture.image, geometry, grid)))] for one in edits])
    found: list[NDArray[np.float64]] = []
    for at in range(0, len(edits), AT_ONCE):
        images = [one.of(picture.image, geometry, grid) for one in edits[at : at + AT_ONCE]]
        found += [Prediction(asked.classes, row).probabilities for row in asked.classify(images)]
    return np.array(found)


def _class_token(model: Any, image: Image.Image) -> NDArray[np.float64]:
    return np.asarray(model.hidden_states(image)[-1][0], np.float64)


def _cosine(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(one @ other / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-12))


def scores(now: Context, edits: Sequence[Edit], label: str = "") -> NDArray[np.float64]:
    """(edits,) probability of a class after each edit, "" for the likeliest of the unchanged picture; or the likeness."""
    how = {"geometry": now.record.geometry, "grid": now.grid}
    found = now.run(scored, now.model, now.picture, tuple(edits), now.labels, **how)
    known = now.record.prediction.labels
    return np.asarray(found[:, known.index(label or now.record.prediction.top(1)[0][0]) if known else 0])


def score_name(now: Context, label: str = "") -> str:
    """What `scores` are, in words."""
    known = now.record.prediction.labels
    return f"probability of {label or now.record.prediction.top(1)[0][0]}" if known else LIKENESS


def likeness_target(now: Context) -> str:
    """What methods about a class are asked about instead, where a model names none: likeness to the patch in the middle."""
    return str(Similar(to=(now.grid[0] // 2, now.grid[1] // 2)))


@dataclass(frozen=True, eq=False)
class Seen:
    """What a model makes of an edited picture.

    Attributes:
        values: (rows, columns) the map of a method.
        unit: of the map.
        labels, chances: the classes and their probabilities; () and an empty array for a model without classes.
        likeness: of its class token to that of the unchanged picture, from -1 to 1; NaN where classes answer.
    """

    values: NDArray[Any]
    unit: str
    labels: tuple[str, ...]
    chances: NDArray[np.float64]
    likeness: float


def looked(
    model: Any,
    picture: Picture,
    edit: Edit,
    name: str,
    target: str,
    asked: tuple[Any, ...],
    labels: tuple[str, ...],
    *,
    geometry: Geometry | None,
    grid: tuple[int, int],
) -> Seen:
    """What the model makes of the edited picture: the map of a method for a question, and its answer."""
    method, image = methods()[name], edit.of(picture.image, geometry, grid)
    how: dict[str, Any] = {"labels": labels} if labels else {}
    record = model.attend(image, target=target or None, keep=method.needs, **how)
    found, said, likeness = method(record, **dict(asked)), record.prediction, float("nan")
    if not said.labels:
        likeness = _cosine(_class_token(model, picture.image), _class_token(model, image))
    chances = said.probabilities if said.labels else np.zeros(0)
    return Seen(np.array(found.values), found.unit, said.labels, np.asarray(chances, np.float64), likeness)


def seen(now: Context, edit: Edit, name: str = "rollout", target: str = "", **asked: Any) -> Seen:
    """What the page's model makes of the edited picture, asked as the reader asks, or by the class token with ``query=None``.

    Raises:
        ValueError: the method has no map here; says why.
    """
    method = methods()[name]
    question = {**now.question(method), **asked}
    wanted = now.target(target) if method.asks_class else ""
    pairs = tuple((key, tuple(value) if isinstance(value, list) else value) for key, value in sorted(question.items()))
    how = {"geometry": now.record.geometry, "grid": now.grid}
    found: Seen = now.run(looked, now.model, now.picture, edit, name, wanted, pairs, now.labels, **how)
    return found


def object_patches(now: Context, thing: int | None = None) -> tuple[int, ...]:
    """Numbers of all patches that the named objects touch, or one of a scene's things; () where nobody knows."""
    truth, scene = now.truth, now.picture.scene
    if thing is not None and scene is not None and truth is not None:
        truth = coverage(scene.things[thing].mask, now.grid)
    return () if truth is None else tuple(int(n) for n in np.flatnonzero(truth.ravel() > 0))


def background(now: Context, number: int) -> tuple[int, ...]:
    """As many patches that no object touches, at random, the same on every run; fewer if there are fewer."""
    free = sorted(set(range(now.grid[0] * now.grid[1])) - set(object_patches(now)))
    drawn = np.random.default_rng(0).permutation(free)[:number]
    return tuple(sorted(int(n) for n in drawn))


def blobs(grid: tuple[int, int], size: int) -> list[tuple[int, ...]]:
    """Ten contiguous blobs of `size` patches at random places; the same ones on every run.

    >>> [len(one) for one in blobs((4, 4), 3)] == [3] * 10
    True
    """
    rng = np.random.default_rng(0)
    return [tuple(int(n) for n in np.flatnonzero(blob(grid, size, rng).ravel() >= 1)) for _ in range(BLOBS)]


OBJECT, GROUND, EITHER = "Those of the objects", "Those of the background", "Both about the same"


def object_or_ground(now: Context) -> Finding:
    """Which cost more when they are covered: the patches of the objects, or as many of the background."""
    inside = object_patches(now)
    if not inside:
        return NO_TRUTH
    outside = background(now, len(inside))
    before, first, second = scores(now, [Edit(), Edit(inside), Edit(outside)])
    text = (
        f"The {score_name(now)} is {before:.1%}. With the {len(inside)} patches of the objects covered it is {first:.1%}, with "
        f"{len(outside)} of the background {second:.1%}."
    )
    if abs(first - second) < CLOSE:
        return Finding(EITHER, text)
    return Finding(OBJECT if first < second else GROUND, text)


WINDOW = {"window": 2, "stride": 2}
"""Squares of patches that are covered one after the other to see which matters most."""
INSIDE, RIM, OUT = "Well inside an object", "On the rim of an object", "In the background"


def dearest(now: Context) -> Finding:
    """Where the square of 2 x 2 patches lies whose covering lowers the raw score of the likeliest class most."""
    if now.truth is None:
        return NO_TRUTH
    if not now.record.prediction.labels:
        return Finding(None, f"{now.model} names no classes, so there are 0 scores that could fall.")
    falls, side = now.answer("occlusion", knobs=WINDOW).values, WINDOW["window"]
    row, column = divmod(int(falls.argmax()), now.grid[1])
    square = now.truth[row : row + side, column : column + side]
    where = INSIDE if square.min() > 0.9 else RIM if square.max() > 0 else OUT
    return Finding(
        where,
        f"The square whose covering costs most begins in row {row + 1}, column {column + 1}: the raw score of "
        f"{now.target()} falls by {float(falls.max()):.2f}. Objects cover {float(square.mean()):.0%} of it. On "
        f"{int((falls < 0).sum())} of {falls.size} patches the score rises when they are covered.",
    )


@against()
def fill(now: Context) -> Finding:
    """Whether the answer is the same whatever the objects' patches are filled with."""
    inside = object_patches(now)
    if not inside:
        return NO_TRUTH
    after = scores(now, [Edit(inside, way) for way in FILLS])
    listed = ", ".join(f"{way} {one:.1%}" for way, one in zip(FILLS, after, strict=True))
    return Finding(
        bool(np.ptp(after) < SAME),
        f"With the {len(inside)} patches of the objects changed, the {score_name(now)} is: {listed}; unchanged "
        f"{float(scores(now, [Edit()])[0]):.1%}. Largest minus smallest: {100 * float(np.ptp(after)):.1f} points.",
    )


SHUFFLED, EXCHANGED = "Shuffling the pixels inside each patch", "Exchanging the patches with one another"


def pieces(now: Context) -> Finding:
    """Which costs more: the pixels of each of the objects' patches in random order, or the patches in one another's places."""
    inside = object_patches(now)
    if len(inside) < 2:
        return NO_TRUTH
    before, mixed, swapped = scores(now, [Edit(), Edit(inside, "shuffle"), Edit(inside, "exchange")])
    text = (
        f"The {score_name(now)} is {before:.1%}, with the pixels shuffled inside each of the {len(inside)} patches {mixed:.1%}, "
        f"with the patches exchanged {swapped:.1%}."
    )
    if abs(mixed - swapped) < CLOSE:
        return Finding(EITHER, text)
    return Finding(SHUFFLED if mixed < swapped else EXCHANGED, text)


def free_shift(now: Context, patches: Sequence[int]) -> tuple[int, int] | None:
    """The first of `SHIFTS` that keeps all patches on the grid and off the objects' other patches; None if none does."""
    taken = set(object_patches(now)) - set(patches)
    for down, right in SHIFTS:
        to = [(n // now.grid[1] + down, n % now.grid[1] + right) for n in patches]
        on = all(0 <= row < now.grid[0] and 0 <= column < now.grid[1] for row, column in to)
        if on and not taken & {row * now.grid[1] + column for row, column in to}:
            return down, right
    return None


BOTH, ANSWER, MAP, NEITHER = (
    "The answer stays and the map follows",
    "The answer alone stays",
    "The map alone follows",
    "Neither",
)


def follows(now: Context) -> Finding:
    """Whether the answer stays the same class, and most of the map's weight on the object goes with it, when it is moved."""
    inside = object_patches(now, 0)
    shift = free_shift(now, inside) if inside else None
    if shift is None:
        return replace(
            NO_TRUTH, text="This needs a scene whose first object has 4 free patches beside it, and here it has not."
        )
    asks: dict[str, Any] = {"query": None} if now.axis.prefix else {}
    moved = seen(now, Edit(inside, "move", shift=shift), **asks)
    before = patch_rollout(now)
    there = [n + shift[0] * now.grid[1] + shift[1] for n in inside]
    old, new = (float(mass_in_mask(moved.values, _mask(now.grid, places))) for places in (inside, there))
    first = float(mass_in_mask(before, _mask(now.grid, inside)))
    text = (
        f"The rollout had {first:.1%} of its patch weight where the object was. After the move by {shift[0]} patches down and "
        f"{shift[1]} to the right it has {old:.1%} there and {new:.1%} where the object is now."
    )
    if not now.record.prediction.labels:
        return Finding(None, f"{text} {now.model} names no classes, so there is no answer to keep.")
    label = now.record.prediction.top(1)[0][0]
    after = moved.labels[int(np.argmax(moved.chances))]
    text += f" The likeliest class was {label} and is {after}, with {float(moved.chances.max()):.1%}."
    return Finding({(1, 1): BOTH, (1, 0): ANSWER, (0, 1): MAP, (0, 0): NEITHER}[after == label, new > old], text)


def _mask(grid: tuple[int, int], patches: Sequence[int]) -> NDArray[np.float32]:
    mask = np.zeros(grid, np.float32)
    mask.ravel()[list(patches)] = 1
    return mask


@against(*WHERE)
def marked(now: Context) -> Finding:
    """Whether covering what the rollout marks most costs more than covering any of ten random blobs of as many patches."""
    number = deletion.count(now.grid)
    chosen = deletion.strongest(patch_rollout(now), number)
    before, after, *others = scores(now, [Edit(), Edit(chosen), *map(Edit, blobs(now.grid, number))])
    text = (
        f"The {score_name(now)} is {before:.1%}. With the {number} patches covered that are strongest in the class token's rollout it is "
        f"{after:.1%}; with blobs of {number} patches {np.mean(others):.1%} on average, from {min(others):.1%} to {max(others):.1%} in "
        f"{len(others)} draws."
    )
    if before - min(after, *others) < CLOSE:
        return Finding(None, f"{text} Nothing that was covered costs {CLOSE:.0%}, so there is nothing to compare.")
    return Finding(bool(after < min(others)), text)


READER, RECEIPT, FIELD = "receipt-donut", "receipt-3-3", "menu.0.price"
CAPTIONER, SCENE = "scene-aoanet", "scene-6-2-50"


class Said(NamedTuple):
    """What a reader or captioner says about a picture.

    Attributes:
        words: tokens or words, those of a prompt included.
        chances: probability of each that was produced.
        geometry, grid: of the cells that it looks at, of the picture as it was given.
    """

    words: tuple[str, ...]
    chances: tuple[float, ...]
    geometry: Geometry | None
    grid: tuple[int, int]


def spoken(
    model: Any,
    picture: Any,
    edit: Edit,
    options: tuple[tuple[str, Any], ...],
    *,
    geometry: Geometry | None = None,
    grid: tuple[int, int] = (1, 1),
) -> Said:
    """What the model says about the edited page or picture."""
    image = edit.of(picture.image, geometry, grid) if edit.patches else picture.image
    record = model.attend(image, **dict(options))
    cells = next(one for one in record.maps if one.kind == "cross").key.grid or (1, 1)
    chances = tuple(float(one) for one in record.prediction.chances)
    return Said(token_names(record), chances, record.geometry, cells)


def said(run: Run, model: str, picture: Any, edit: Edit) -> tuple[Said, Said]:
    """What the model says about a page or picture as it is, and edited on the model's own grid."""
    options = (("prompt", picture.prompt),) if isinstance(picture, Document) else ()
    first: Said = run(spoken, model, picture, Edit(), options)
    how = {"geometry": first.geometry, "grid": first.grid}
    return first, run(spoken, model, picture, edit, options, **how) if edit.patches else first


def cells_of(page: Document, field: str, geometry: Geometry | None, grid: tuple[int, int]) -> tuple[int, ...]:
    """Numbers of the cells that the print of a field touches; () for a field that is not on the page."""
    where = Geometry.of(*page.image.size) if geometry is None else geometry
    boxes = np.array([box for path, _, boxes in page.values if path == field for box in boxes]).reshape(-1, 4)
    cells = where.boxes_to_original(where.cells(grid))
    high, low = np.minimum(cells[:, None, 2:], boxes[None, :, 2:]), np.maximum(cells[:, None, :2], boxes[None, :, :2])
    return tuple(int(n) for n in np.flatnonzero((high - low > INK).all(axis=-1).any(axis=-1)))


INK = 3.0
"""Pixels of the page by which a cell must reach into the box of a letter to be covered with it: rims of boxes are blank."""
NOTHING, SAME_NUMBER, OTHERS, MADE_UP = (
    "Nothing",
    "The price that is printed there",
    "A price printed elsewhere on the page",
    "A price that is nowhere on the page",
)


def price_covered(now: Context) -> Finding:
    """What the bundled reader reads in the place of a covered price."""
    page = Document.drawn(RECEIPT)
    first, _ = said(now.run, READER, page, Edit())
    _, after = said(now.run, READER, page, Edit(cells_of(page, FIELD, first.geometry, first.grid)))
    was, now_read = (next((f.text for f in fields(one.words) if f.path == FIELD), "") for one in (first, after))
    printed = {text for path, text, _ in page.values if path != FIELD}
    answer = NOTHING if not now_read else SAME_NUMBER if now_read == was else OTHERS if now_read in printed else MADE_UP
    return Finding(
        answer,
        f"The price was read as {was}; with its cells covered the reader writes {now_read or 'nothing, 0 letters'}.",
    )


ALONE, BOTH_NAMED, WRONG = "The other object alone", "Both objects all the same", "Something that is not there"


def object_covered(now: Context) -> Finding:
    """What the bundled captioner names when the first of two objects is covered."""
    picture = Picture.drawn(SCENE)
    assert picture.scene is not None
    first, _ = said(now.run, CAPTIONER, picture, Edit())
    hidden, other = picture.scene.things
    patches = tuple(int(n) for n in np.flatnonzero(coverage(hidden.mask, first.grid).ravel() > 0))
    _, after = said(now.run, CAPTIONER, picture, Edit(patches))
    named = set(after.words) & set(SHAPES)
    answer = ALONE if named == {other.shape} else BOTH_NAMED if named == {hidden.shape, other.shape} else WRONG
    before, then = (" ".join(word for word in one.words if word != END) for one in (first, after))
    return Finding(
        answer,
        f"The caption was “{before}”. With the {len(patches)} regions of the {hidden.shape} covered it is “{then}”.",
    )
