"""Attention changed while a model runs, in numbers: how far its answer moves, and where a sink goes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import Context, Picture
from visualizer.measures.divergence import total_variation
from visualizer.measures.score import HIT_THRESHOLD
from visualizer.measures.sinks import LEAST, received
from visualizer.method import methods
from vit_attention.heavy import library
from vit_attention.records import Prediction
from worlds.photographs import photographs

PERMUTED, EVEN, OTHER = "permuted", "even", "of another picture"
HOW = {PERMUTED: "permuted", EVEN: "uniform", OTHER: "given"}
"""What is put in the place of a row, by its name in `ChangedRows`."""
SCENES = tuple(f"scene-{seed}" for seed in range(801, 813))
"""Pictures whose rows are put in the place of those of a scene."""

Floats = NDArray[np.float64]


class Rows(NamedTuple):
    """Rows that are replaced.

    Attributes:
        how: one of `HOW`.
        layers, heads, queries: numbers from 0; None for all.
    """

    how: str = PERMUTED
    layers: tuple[int, ...] | None = None
    heads: tuple[int, ...] | None = None
    queries: tuple[int, ...] | None = None


def chosen_rows(now: Context, how: str = PERMUTED, everywhere: bool = False, everyone: bool = False) -> Rows:
    """The rows that a reader has chosen: of the layer and head or `everywhere`, of the asking token or of `everyone`."""
    heads = None if now.chosen.head is None or everywhere else (now.chosen.head,)
    layers = None if everywhere else (now.record.maps[now.chosen.layer].layer,)
    return Rows(how, layers, heads, None if everyone else tuple(now.asking))


def others(now: Context) -> tuple[str, ...]:
    """Names of pictures of the same kind whose rows can be put in the place of this picture's."""
    names = tuple(photographs()) if now.picture.is_photograph else SCENES
    return tuple(name for name in names if name != now.picture.id)


def moves(
    model: Any, picture: Picture, runs: Sequence[tuple[Rows, int]], names: Sequence[str], labels: Sequence[str]
) -> Floats:
    """(runs,) how far the answer moves with other rows; see `moved`.

    Args:
        model, picture: what looks, and at what.
        runs: rows, and the seed of their order; with `OTHER` the place of a name.
        names: of other pictures.
        labels: of a dual encoder.
    """
    asked = about(model, labels)
    before = answer(asked, picture)
    return np.array([moved(before, answer(asked.under(change(asked, *one, names)), picture)) for one in runs])


def answers(model: Any, picture: Picture, rows: Rows, seed: int, names: Sequence[str], labels: Any) -> list[Floats]:
    """The answers without and with other rows."""
    asked = about(model, labels)
    return [answer(one, picture) for one in (asked, asked.under(change(asked, rows, seed, names)))]


def about(model: Any, labels: Sequence[str]) -> Any:
    """The model, asked about labels if there are any."""
    return model.about(labels) if labels else model


def answer(model: Any, picture: Picture) -> Floats:
    """(classes,) probabilities; of a model without classes the (patches, width) features behind the last layer."""
    if model.classes:
        return Prediction(model.classes, np.asarray(model.rerun(picture.given, _same)[0])).probabilities
    with library("torch").inference_mode():
        tokens = model.final_tokens(model.prepare(picture.given).pixels)[0].float().cpu().numpy()
    return np.asarray(tokens[len(model.anatomy.special) :], np.float64)


def _same(pixels: Any) -> Any:
    return pixels


def moved(before: Floats, after: Floats) -> float:
    """How far an answer moved: total variation of probabilities, 0 to 1; of features 1 - mean cosine, 0 to 2."""
    return float(total_variation(before, after) if before.ndim == 1 else (1 - cosines(before, after)).mean())


def cosines(before: Floats, after: Floats) -> Floats:
    """(patches,) cosine of each patch's features before and after."""
    lengths = np.linalg.norm(before, axis=-1) * np.linalg.norm(after, axis=-1)
    return np.asarray((before * after).sum(axis=-1) / np.maximum(lengths, 1e-300))


def change(model: Any, rows: Rows, seed: int, names: Sequence[str]) -> Any:
    """The change of a model that puts other rows in the place of its own."""
    made = library("vit_attention.changes").ChangedRows
    given = None
    if rows.how == OTHER:
        layers = None if rows.layers is None else [*rows.layers]
        given = model.attend(_opened(names[seed % len(names)]).image, layers=layers).layers
    return made(HOW[rows.how], rows.layers, rows.heads, rows.queries, seed=seed, given=given)


def _opened(name: str) -> Picture:
    return Picture.photograph(name) if name in photographs() else Picture.drawn(name)


def read(
    model: Any,
    picture: Picture,
    rows: Rows | None,
    at: Rows,
    seed: int = 0,
    names: Sequence[str] = (),
    labels: Sequence[str] = (),
) -> tuple[Floats, Floats]:
    """The (tokens,) row that is read at one place with other rows or, for None, as the model is; and the answer.

    Args:
        model, picture: what looks, and at what.
        rows: what is replaced.
        at: one layer, heads and tokens, whose mean row is given.
        seed, names, labels: as for `moves`.
    """
    view = about(model, labels)
    view = view if rows is None else view.under(change(view, rows, seed, names))
    queries = None if at.queries is None else [*at.queries]
    record = view.attend(picture.given, layers=[*(at.layers or ())], queries=queries)
    weights = np.asarray(record.layers[0], np.float64)
    row = (weights if at.heads is None else weights[[*at.heads]]).mean(axis=(0, 1))
    return row, record.prediction.probabilities if view.classes else answer(view, picture)


class Sink(NamedTuple):
    """A patch that draws the attention of a head.

    Attributes:
        layer, head, token: numbers from 0, special tokens counted.
        share: of the head's attention, mean over all other tokens.
    """

    layer: int
    head: int
    token: int
    share: float


def sinks(now: Context) -> list[Sink]:
    """The patches that take more than 30 % of a head's attention and lie on no object of a scene, strongest first."""
    on_object = np.zeros(len(now.axis), bool)
    if now.picture.scene is not None and now.truth is not None:
        on_object[now.axis.prefix :] = now.truth.ravel() > HIT_THRESHOLD
    return [one for one in sinks_of(now.record.layers, now.axis.prefix) if not on_object[one.token]]


def sinks_of(layers: Sequence[NDArray[Any]], prefix: int) -> list[Sink]:
    """The patches that take more than 30 % of the attention in some head (Gu et al. 2025), strongest first."""
    found = []
    for layer, weights in enumerate(layers):
        shares = received(weights.astype(np.float32))
        shares[:, :prefix] = 0
        found += [Sink(layer, int(h), int(t), float(shares[h, t])) for h, t in np.argwhere(shares > LEAST)]
    return sorted(found, key=lambda one: -one.share)


def masked_moves(model: Any, picture: Picture, sets: Sequence[tuple[int, ...]], labels: Any) -> Floats:
    """(sets,) how far the answer moves if nobody looks at the tokens of a set, in any layer; see `moved`."""
    asked, made = about(model, labels), library("vit_attention.changes").WithoutColumns
    before = answer(asked, picture)
    return np.array([moved(before, answer(asked.under(made([*some])), picture)) for some in sets])


class After(NamedTuple):
    """A picture under a changed model.

    Attributes:
        layers: (layers, heads, tokens) share of the attention that each token receives, the register last if there is one.
        rollout: (patches,) of the class token, or of the first token.
        answer: as `answer` gives it.
    """

    layers: Floats
    rollout: Floats
    answer: Floats


def after(model: Any, picture: Picture, without: tuple[int, ...], register: Any, labels: Any) -> After:
    """What a model does when nobody looks at some tokens, or when a register is added.

    Args:
        model, picture: what looks, and at what.
        without: tokens that nobody looks at; () changes nothing.
        register: None for none, or (layer, neurons) pairs that are moved onto it.
        labels: of a dual encoder.
    """
    changes = library("vit_attention.changes")
    view = about(model, labels)
    view = view.under(changes.WithoutColumns([*without])) if without else view
    view = view if register is None else view.under(changes.AddedRegister({n: [*some] for n, some in register}))
    record = view.attend(picture.given)
    prefix = record.maps[0].query.prefix
    shares = np.stack([received(weights.astype(np.float32)) for weights in record.layers])
    if register is not None:  # behind the model's own special tokens
        shares = np.concatenate([np.delete(shares, prefix - 1, axis=-1), shares[..., prefix - 1 : prefix]], axis=-1)
    return After(shares, methods()["rollout"](record).row[prefix:], answer(view, picture))


def neurons(model: Any, picture: None, names: tuple[str, ...], top: int) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """The neurons that are largest at the sinks of some photographs, as `after` takes them."""
    opened = [_opened(name).image for name in names]
    tokens = []
    for image in opened:
        record = model.attend(image)
        tokens.append(sorted({one.token for one in sinks_of(record.layers, record.maps[0].query.prefix)}))
    found = library("vit_attention.models.register_neurons").register_neurons(model, opened, tokens, top)
    return tuple((layer, tuple(some)) for layer, some in found.items())
